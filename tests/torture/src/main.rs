//! Hurts the pizza chain and a harder one on a schedule drawn from a seed, and has an independent judge look
//! at what is left. `scripts/torture` builds all it needs and starts it.

mod around;
mod arrivals;
mod chain;
mod clocks;
mod crew;
mod database;
mod disk;
mod engine;
mod history;
mod input;
mod interrupt;
mod place;
mod process;
mod proxy;
#[path = "../../rig/reminder.rs"]
#[allow(unreachable_pub, reason = "the tests use it too")]
mod reminder;
mod report;
mod round;
mod scene;
mod soak;
mod storm;
mod weather;

use crate::engine::Kind;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(
    version,
    about = "Kills, freezes and cuts off the stages of two chains, and judges what is left"
)]
struct Options {
    /// What is hurt.
    #[arg(long, default_value = "embedded")]
    engine: Kind,
    /// Processes killed in a round.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Rounds, each with brokers, topics and a seed of its own.
    #[arg(long, default_value_t = 1)]
    rounds: u64,
    /// The first round's seed; each after it has the next [default: any].
    #[arg(long)]
    seed: Option<u64>,
    /// Instead of rounds: so many minutes with a fault every five seconds, judged in parts beside the rest. One of
    /// two processes of each stage, the API and the broker are not killed, and their memory and open files
    /// must not grow; the harder chain has a tenth of the pace.
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["kills", "rounds"])]
    soak: Option<u64>,
    /// The API has a PostgreSQL, which is killed as well.
    #[arg(long)]
    postgres: bool,
    /// The data of our broker and of the API are on a disk that is full at times; only root can mount it.
    #[arg(long)]
    full_disk: bool,
    /// The clocks of our processes are set wrong at times, by up to 50 minutes (the API's by 20 s); takes a C compiler.
    #[arg(long)]
    clocks: bool,
    /// Records a second into each chain.
    #[arg(long, default_value_t = 200)]
    pace: usize,
    /// Where data, logs and histories go; a round that goes well leaves its report alone.
    #[arg(long, default_value = "target/torture")]
    dir: PathBuf,
    /// Keeps all of them.
    #[arg(long)]
    keep: bool,
    /// Adds a line for each round to this file.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    interrupt::listen();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("torture: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    // A node of Apache Kafka ends when its disk is full, and has to be started by somebody.
    ensure!(
        !options.full_disk || options.engine == Kind::Embedded,
        "--full-disk is for --engine embedded"
    );
    let first = options.seed.unwrap_or_else(|| rand::random::<u32>().into());
    // Before anybody commits anything meanwhile: scripts/torture has built what is there now.
    let environment = report::environment();
    let mut well = true;
    for seed in first..first + options.rounds {
        let dir = options.dir.join(format!("{}-{seed}", options.engine_name()));
        let told = environment.clone();
        let report = match options.soak {
            None => round::run(options, seed, &dir, told),
            Some(minutes) => {
                let time = Duration::from_secs(60 * minutes);
                soak::run(options, seed, time, &dir, told)
            }
        };
        let report = report
            .with_context(|| format!("seed {seed}; what there is of it is in {}", dir.display()))?;
        well &= report.troubles.is_empty();
        report.tell(options, &dir)?;
    }
    Ok(well)
}

impl Options {
    /// The command that draws the same attacks.
    fn again(&self, seed: u64) -> String {
        let mut text = format!("scripts/torture --engine {} --seed {seed}", self.engine_name());
        text += &match self.soak {
            None => format!(" --kills {}", self.kills),
            Some(minutes) => format!(" --soak {minutes}"),
        };
        text += &format!(" --pace {}", self.pace);
        let flags = [
            (self.postgres, " --postgres"),
            (self.full_disk, " --full-disk"),
            (self.clocks, " --clocks"),
        ];
        flags.iter().filter(|(given, _)| *given).for_each(|(_, flag)| text += flag);
        text
    }

    fn engine_name(&self) -> String {
        clap::ValueEnum::to_possible_value(&self.engine)
            .map_or_else(String::new, |v| v.get_name().into())
    }
}
