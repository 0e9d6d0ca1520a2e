//! `stage-broker`: the broker by itself.

use clap::{ArgGroup, Parser};
use stage_broker::{Broker, Config, Fsync, StartError, Storage};
use std::path::PathBuf;
use std::process::ExitCode;

/// One Kafka node on one disk.
#[derive(Parser)]
#[command(version, group(ArgGroup::new("storage").args(["data", "memory"])))]
struct Args {
    /// Where to listen; port 0 is any free one. There is no authentication: loopback is safe.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092", env = "STAGE_LISTEN")]
    listen: String,
    /// Where to keep the data.
    #[arg(long, value_name = "DIR", default_value = "./.stage-broker", env = "STAGE_DATA")]
    data: PathBuf,
    /// Keep nothing.
    #[arg(long)]
    memory: bool,
    /// When to force data to the disk: before it is acknowledged, every second, or never.
    #[arg(long, value_enum, default_value_t = Fsync::Interval, value_name = "WHEN")]
    fsync: Fsync,
    /// Make a topic when somebody asks for it.
    #[arg(long)]
    auto_create_topics: bool,
    /// Partitions of a topic that does not say.
    #[arg(long, value_name = "N")]
    default_partitions: Option<u32>,
    /// How long a new group waits for more members.
    #[arg(long, value_name = "MS")]
    rebalance_delay: Option<u32>,
    /// One of Kafka's broker settings; can be repeated.
    #[arg(short = 'c', value_name = "NAME=VALUE")]
    config: Vec<String>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("STAGE_LOG")
                .unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // Where there is no room for a line, there is none for a complaint about it: that panics.
        .log_internal_errors(false)
        .init();
    let config = match Args::parse().config() {
        Ok(config) => config,
        Err(why) => return fail(2, &why),
    };
    match Broker::start_blocking(config) {
        Ok(broker) => {
            println!("{}", broker.address());
            match wait() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(1, &format!("signals cannot be waited for: {error}")),
            }
        }
        Err(error @ StartError::Data(_)) => fail(1, &error.to_string()),
        Err(error @ StartError::Listen(..)) => fail(2, &format!("{error} with --listen")),
        Err(error) => fail(2, &format!("{error} with --data")),
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    eprintln!("stage-broker: {why}");
    ExitCode::from(code)
}

/// Returns at Ctrl-C or SIGTERM.
fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

impl Args {
    fn config(self) -> Result<Config, String> {
        let mut config = Config::directory(self.data).listen(self.listen).fsync(self.fsync);
        if self.memory {
            config.storage = Storage::Memory;
        }
        let mut settings = Vec::new();
        for setting in &self.config {
            let (name, value) = setting
                .split_once('=')
                .ok_or_else(|| format!("-c {setting}: NAME=VALUE is expected"))?;
            settings.push((name, value.to_owned()));
        }
        if self.auto_create_topics {
            settings.push(("auto.create.topics.enable", "true".to_owned()));
        }
        settings.extend(self.default_partitions.map(|n| ("num.partitions", n.to_string())));
        settings.extend(
            self.rebalance_delay.map(|ms| ("group.initial.rebalance.delay.ms", ms.to_string())),
        );
        settings
            .into_iter()
            .try_fold(config, |config, (name, value)| config.set(name, value))
            .map_err(|error| error.to_string())
    }
}
