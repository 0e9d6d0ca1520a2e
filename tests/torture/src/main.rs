//! Hurts the pizza chain and a harder one on a schedule drawn from a seed, and has an independent judge look
//! at what is left. `scripts/torture` builds all it needs and starts it.

mod arrivals;
mod chain;
mod crew;
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
mod storm;
mod weather;

use crate::engine::Kind;
use crate::report::Report;
use anyhow::{Context, Result};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

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
    let first = options.seed.unwrap_or_else(|| rand::random::<u32>().into());
    // Before anybody commits anything meanwhile: scripts/torture has built what is there now.
    let environment = report::environment();
    let mut well = true;
    for seed in first..first + options.rounds {
        let dir = options.dir.join(format!("{}-{seed}", options.engine_name()));
        let mut report = round::run(options, seed, &dir)
            .with_context(|| format!("seed {seed}; what there is of it is in {}", dir.display()))?;
        report.environment = environment.clone();
        well &= report.troubles.is_empty();
        options.tell(&report, &dir)?;
    }
    Ok(well)
}

impl Options {
    fn engine_name(&self) -> String {
        clap::ValueEnum::to_possible_value(&self.engine)
            .map_or_else(String::new, |v| v.get_name().into())
    }

    fn tell(&self, report: &Report, dir: &std::path::Path) -> Result<()> {
        let kills: u32 = report.kills.values().sum();
        let Report { seed, engine, seconds, troubles, faults, .. } = report;
        let [storm, halt, rest, last] = report.phases;
        println!("{engine}, seed {seed}: {kills} kills in {seconds} s, faults {faults:?}");
        println!(
            "{engine}, seed {seed}: storm {storm:.0} s, read {halt:.0} s, the rest {rest:.0} s, read {last:.0} s"
        );
        println!(
            "{engine}, seed {seed}: {} records judged, {} of them in flight when all stages died; {} lost their identity",
            report.judged(),
            report.halted["counted"]["in flight"],
            report.fenced
        );
        let line = serde_json::to_string(report)?;
        if let Some(file) = &self.report {
            use std::io::Write;
            writeln!(std::fs::File::options().create(true).append(true).open(file)?, "{line}")?;
        }
        if troubles.is_empty() {
            println!("{engine}, seed {seed}: nothing lost, nothing twice, order kept");
            if !self.keep {
                std::fs::remove_dir_all(dir)?;
            }
            return Ok(());
        }
        for trouble in troubles {
            println!("{engine}, seed {seed}: {trouble}");
        }
        println!(
            "All of it is in {}. Again: scripts/torture --engine {engine} --seed {seed} --kills {} --pace {}",
            dir.display(),
            self.kills,
            self.pace
        );
        Ok(())
    }
}
