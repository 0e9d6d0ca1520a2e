//! The command line that every stage program has.

mod address;

mod admin;

mod client;

mod manual;

mod reach;

pub use address::address;
pub use admin::{AdminArgs, Watch, admin_token};
pub use client::ClientArgs;
pub use manual::Manual;
pub use reach::{Reach, print};

use crate::chain::Chain;
use crate::service::{Delivery, Service, StartError};
use crate::signals::Signals;
use crate::stage::{IntoStage, Stage};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a stage is told; each flag has its variable.
#[derive(Args, Clone, Debug, Default)]
pub struct StageArgs {
    /// The stage's name in topics.toml [default: the program's file name]
    #[arg(long, env = "STAGE_NAME", value_name = "NAME")]
    pub stage: Option<String>,

    /// Brokers as HOST:PORT, several with commas [default: brokers in topics.toml]
    #[arg(long, env = "STAGE_BROKERS", value_name = "HOST:PORT")]
    pub brokers: Option<String>,

    /// The route map
    #[arg(long, env = "STAGE_CONFIG", value_name = "FILE", default_value = "topics.toml")]
    pub config: PathBuf,

    /// The topic to read, in place of the route map's
    #[arg(long, env = "STAGE_INPUT", value_name = "TOPIC")]
    pub input: Option<String>,

    /// The topic to write, in place of the route map's
    #[arg(long, env = "STAGE_OUTPUT", value_name = "TOPIC")]
    pub output: Option<String>,

    /// The consumer group [default: CHAIN.STAGE]
    #[arg(long, env = "STAGE_GROUP", value_name = "GROUP")]
    pub group: Option<String>,

    /// Whether outputs and offsets take effect together [default: exactly-once]
    #[arg(long, env = "STAGE_DELIVERY", value_name = "MODE")]
    pub delivery: Option<Delivery>,

    /// Workers, each a thread and a member of the group
    #[arg(long, env = "STAGE_WORKERS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,

    /// Makes random choices repeatable: the same input gives the same output
    #[arg(long, env = "STAGE_SEED", value_name = "N")]
    pub seed: Option<u64>,

    /// Handlers of an async stage that run at once in a worker [default: 256, or what a batched stage needs]
    #[arg(long, env = "STAGE_MAX_IN_FLIGHT", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_in_flight: Option<u32>,

    /// Where it is looked at and steered
    #[command(flatten)]
    pub admin: AdminArgs,

    /// Where workers keep who they are, so that a restart takes over from its own crash at once
    #[arg(long, env = "STAGE_STATE_DIR", value_name = "DIR", default_value = ".pizza/state")]
    pub state_dir: PathBuf,

    /// Keep who the workers are in memory only
    #[arg(long, env = "STAGE_MEMORY")]
    pub memory: bool,

    /// Stop when standard input ends, as it does when whoever started this has ended
    #[arg(long, env = "STAGE_UNTIL_EOF")]
    pub until_eof: bool,

    /// What its clients are told
    #[command(flatten)]
    pub client: ClientArgs,
}

#[derive(Parser)]
#[command(
    about = "One stage of a chain: reads a topic, handles each record, writes the next topic",
    long_about = "One stage of a chain: reads a topic, handles each record, writes the next topic.\n\nWithout flags it finds its place in ./topics.toml by its name. Start it as often as you like: the instances share the partitions. It stops cleanly on Ctrl-C or SIGTERM; a second signal ends it at once, and nothing is lost even so.",
    after_help = "Exit codes: 0 stopped as asked, 1 failed at run time, 2 told something wrong, 130 second signal.\nLogs go to stderr; STAGE_LOG sets how much (error, warn, info, debug).",
    version = concat!("(stage-sdk ", env!("CARGO_PKG_VERSION"), ")")
)]
struct Cli {
    #[command(flatten)]
    stage: StageArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check the route map, or bring the broker's topics in line with it
    Topics(Box<crate::chain::tool::Args>),
    /// Look at this stage's dead letters, replay or drop them
    DeadLetters(Box<crate::dead_letter::tool::Args>),
    /// Look at what of this stage waits in its retry topic, and decide about it
    Keys(Box<crate::keys::Args>),
    #[command(flatten)]
    Manual(Manual),
}

/// Runs a stage as this program: reads the command line, works until it is told to stop, and
/// gives the exit code.
///
/// ```no_run
/// use stage_sdk::{Context, Json, Result};
///
/// fn price(Json(pizzas): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     Ok(Json(pizzas * 7))
/// }
///
/// fn main() -> std::process::ExitCode {
///     stage_sdk::run(price)
/// }
/// ```
pub fn run<M, I>(stage: I) -> ExitCode
where
    I: IntoStage<M>,
    I::Stage: Stage + Send,
{
    let program = program_name();
    let matches = Cli::command().name(program.clone()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    log_to_stderr();
    let done = match cli.command {
        None => work(&cli.stage, &program, stage),
        Some(Command::Topics(args)) => args.of_stage(cli.stage.brokers).run(),
        Some(Command::DeadLetters(args)) => {
            let name = cli.stage.stage.as_deref().unwrap_or(&program);
            args.of_stage(name, cli.stage.brokers).run()
        }
        Some(Command::Keys(args)) => {
            let name = cli.stage.stage.as_deref().unwrap_or(&program);
            args.of_stage(name, cli.stage.brokers).run()
        }
        Some(Command::Manual(manual)) => manual.print(Cli::command(), &program),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => explain(&program, &error),
    }
}

/// Starts the workers and waits for them; a signal stops them, a second one ends the process; so does, once, the end of
/// standard input where the arguments say so. `program`: the stage's
/// name, where the arguments do not say.
///
/// ```no_run
/// use clap::Parser;
/// use stage_sdk::cli::{self, StageArgs};
/// use stage_sdk::{Context, Json, Result};
///
/// /// A stage with a flag of its own.
/// #[derive(Parser)]
/// struct Args {
///     /// What a pizza costs
///     #[arg(long, default_value_t = 7)]
///     each: u64,
///     #[command(flatten)]
///     stage: StageArgs,
/// }
///
/// fn main() -> std::process::ExitCode {
///     let args = Args::parse();
///     cli::log_to_stderr();
///     let each = args.each;
///     let price = move |Json(pizzas): Json<u64>, _: &Context| Ok(Json(pizzas * each));
///     match cli::work(&args.stage, "price", price) {
///         Ok(()) => std::process::ExitCode::SUCCESS,
///         Err(error) => cli::explain("price", &error),
///     }
/// }
/// ```
///
/// # Errors
/// The arguments or the route map are wrong, no broker answers, or a worker failed.
pub fn work<M, I>(args: &StageArgs, program: &str, stage: I) -> Result<(), StartError>
where
    I: IntoStage<M>,
    I::Stage: Stage + Send,
{
    let cannot = |error: std::io::Error| StartError::Runtime(error.to_string());
    let signals = Signals::listen().map_err(cannot)?;
    if args.until_eof {
        signals.or_end_of_input().map_err(cannot)?;
    }
    let mut service = args.service(program)?;
    args.admin.open()?.over(&mut service);
    let running = service.start(stage)?;
    let stop = running.stop_handle();
    signals.then(move || stop.stop());
    running.wait().map_err(StartError::Runtime)
}

/// Sends log lines to stderr, as much as `STAGE_LOG` says; coloured on a terminal only.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STAGE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // Where there is no room for a line, there is none for a complaint about it: that panics.
        .log_internal_errors(false)
        .try_init()
        // A second call in a process changes nothing.
        .ok();
}

/// Prints why, and gives the exit code that goes with it.
pub fn explain(program: &str, error: &StartError) -> ExitCode {
    eprintln!("{program}: {error}");
    match error {
        StartError::Usage(_) => ExitCode::from(2),
        StartError::Runtime(_) => ExitCode::FAILURE,
    }
}

fn program_name() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let stem = path.as_deref().and_then(Path::file_stem);
    stem.map_or_else(|| "stage".into(), |stem| stem.to_string_lossy().into_owned())
}

/// Parses `NAME=VALUE`.
///
/// ```
/// use stage_sdk::cli::setting;
///
/// assert_eq!(setting("acks=all"), Ok(("acks".into(), "all".into())));
/// assert!(setting("acks").is_err());
/// ```
///
/// # Errors
/// There is no `=`, or nothing before it.
pub fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, for example fetch.wait.max.ms=50".to_owned()),
    }
}

impl StageArgs {
    /// The service these arguments and the route map describe; arguments win.
    ///
    /// # Errors
    /// The route map has problems, the stage is not in it, or no brokers are given.
    pub fn service(&self, program: &str) -> Result<Service, StartError> {
        let name = self.stage.clone().unwrap_or_else(|| program.to_owned());
        let complete = self.input.is_some() && self.group.is_some();
        let chain = match self.config.exists() || !complete {
            true => Some(Chain::read(&self.config).map_err(|e| StartError::Usage(e.to_string()))?),
            false => None,
        };
        if let Some(chain) = &chain {
            has_no_database(chain, &name, &self.config)?;
        }
        let mut service = match &chain {
            Some(chain) if chain.stage(&name).is_some() || !complete => chain.service(&name)?,
            _ => Service { stage: name, ..Service::default() },
        };
        if let Some(input) = &self.input {
            service.input.clone_from(input);
            service.dead_letters = format!("{input}.{}.dlq", service.stage);
            service.retry_topic = format!("{input}.{}.retry", service.stage);
            service.redirect_topic = format!("{input}.{}.redirect", service.stage);
        }
        service.output = self.output.clone().or(service.output);
        service.group = self.group.clone().unwrap_or(service.group);
        service.delivery = self.delivery.unwrap_or(service.delivery);
        if let Some(route) = chain.as_ref().and_then(|chain| chain.stage(&service.stage)) {
            // `topics apply` makes a retry topic for the route map's input and for no other.
            service.settings.retry = match self.input {
                Some(_) => route.retry.policy(false),
                None => route.policy_with(service.delivery),
            };
        }
        service.broker.servers = self.brokers.clone().unwrap_or(service.broker.servers);
        if service.broker.servers.is_empty() {
            return Err(StartError::Usage(format!(
                "no broker is given; use --brokers HOST:PORT, STAGE_BROKERS, or brokers in {}",
                self.config.display()
            )));
        }
        service.broker.overrides.extend(self.client.settings()?);
        service.workers = self.workers.into();
        service.seed = self.seed;
        service.state_dir = (!self.memory).then(|| self.state_dir.clone());
        if let Some(max) = self.max_in_flight {
            service.settings.max_in_flight = max as usize;
        }
        Ok(service)
    }
}

/// A sink needs a database, which a program of [`run`] has not.
fn has_no_database(chain: &Chain, name: &str, file: &Path) -> Result<(), StartError> {
    if !chain.stage(name).is_some_and(|stage| stage.sink) {
        return Ok(());
    }
    let others = chain.stages.iter().filter(|stage| !stage.sink);
    let others: Vec<&str> = others.map(|stage| stage.name.as_str()).collect();
    Err(StartError::Usage(format!(
        "{}: stage {name:?} has sink = true: only the program with its database can run it, and this one has none; with --stage it can be {}",
        file.display(),
        others.join(", ")
    )))
}
