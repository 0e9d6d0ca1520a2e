//! Raw loop and stage in turn, on the same input, every output counted.

use crate::contender::{self, Delivery, Job, Run};
use crate::count::{self, Seen};
use crate::figures::{Spread, save};
use crate::pizza::SAUCE;
use crate::place::{Place, fresh};
use crate::topics::Topics;
use crate::{fill, quiet, stage};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// How often each contender runs in each mode.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rounds before those, which are shown and do not count: a young broker gets faster for a while.
    #[arg(long, default_value_t = 2)]
    warm_up: usize,
    /// How many records it handles.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

/// All runs of one mode, round by round.
#[derive(Serialize)]
struct Mode {
    delivery: Delivery,
    raw: Vec<Run>,
    stage: Vec<Run>,
    ratios: Ratios,
}

/// The stage's figures to the raw loop's of the same round; memory as a difference.
#[derive(Serialize)]
struct Ratios {
    records_per_second: Spread,
    cpu_seconds: Spread,
    peak_mb_more: Spread,
}

/// The input, read once, and the topics around it.
pub(crate) struct Course<'p> {
    place: &'p Place,
    topics: Topics,
    input: String,
    records: u64,
    seen: Seen,
}

impl<'p> Course<'p> {
    pub(crate) fn prepare(place: &'p Place, records: u64) -> Result<Course<'p>> {
        let topics = Topics::connect(place)?;
        topics.create(stage::DEAD_LETTERS)?;
        let input = fill::input(place, &topics, records)?;
        let seen = count::read(place, &input, records, "")?;
        count::compare(&seen, &seen, true).context("the input itself")?;
        Ok(Course { place, topics, input, records, seen })
    }

    /// One run into a fresh topic, by a fresh group; its output is counted and deleted.
    pub(crate) fn run(&self, kind: &str, delivery: Delivery, more: &[String]) -> Result<Run> {
        let output = fresh(kind);
        self.topics.create(&output)?;
        let (input, group) = (self.input.clone(), output.clone());
        let job = Job { input, output, group, records: self.records, delivery };
        let busy_before = quiet::wait(Duration::from_secs(self.place.patience))?;
        let run = Run { busy_before, ..contender::run(self.place, kind, &job, more)? };
        let output = count::read(self.place, &job.output, self.records, SAUCE)?;
        // Nothing fails here, so at least once must be exactly once too.
        count::compare(&self.seen, &output, true)
            .with_context(|| format!("the output of {kind}, {}", delivery.name()))?;
        self.topics.delete(&job.output)?;
        Ok(run)
    }
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let course = Course::prepare(place, options.records)?;
    let mut runs = [const { [const { Vec::new() }; 2] }; 2];
    for round in 0..options.warm_up + options.rounds {
        for (at, delivery) in Delivery::BOTH.into_iter().enumerate() {
            // Whoever comes first may find the machine in another state.
            for turn in 0..2 {
                let which = (turn + round) % 2;
                let kind = ["raw", "stage"][which];
                let run = course.run(kind, delivery, &[])?;
                let counts = round >= options.warm_up;
                println!(
                    "{} {:<13} {kind:<5} {:>7.0} records/s {:>5.2} CPU s {:>6.1} MB",
                    if counts {
                        format!("round {}", round + 1 - options.warm_up)
                    } else {
                        "warm up".into()
                    },
                    delivery.name(),
                    run.records_per_second,
                    run.cpu_seconds,
                    run.peak_mb
                );
                if counts {
                    runs[at][which].push(run);
                }
            }
        }
    }
    let modes = Delivery::BOTH.into_iter().zip(runs);
    let modes: Vec<Mode> =
        modes.map(|(delivery, [raw, stage])| Mode::of(delivery, raw, stage)).collect();
    print(&modes);
    save("one-stage.json", &modes)
}

impl Mode {
    fn of(delivery: Delivery, raw: Vec<Run>, stage: Vec<Run>) -> Mode {
        let each = |of: &dyn Fn(&Run, &Run) -> f64| {
            Spread::of(raw.iter().zip(&stage).map(|(raw, stage)| of(raw, stage)))
        };
        let ratios = Ratios {
            records_per_second: each(&|raw, stage| {
                stage.records_per_second / raw.records_per_second
            }),
            cpu_seconds: each(&|raw, stage| stage.cpu_seconds / raw.cpu_seconds),
            peak_mb_more: each(&|raw, stage| stage.peak_mb - raw.peak_mb),
        };
        Mode { delivery, raw, stage, ratios }
    }
}

fn print(modes: &[Mode]) {
    let line = |cells: [&str; 5]| {
        let [delivery, contender, speed, cpu, peak] = cells;
        println!("{delivery:<14} {contender:<13} {speed:<25} {cpu:<19} {peak}");
    };
    println!("\nmedian (min–max)");
    line(["", "", "records/s", "CPU seconds", "peak MB"]);
    for Mode { delivery, raw, stage, ratios } in modes {
        for (kind, runs) in [("raw", raw), ("stage", stage)] {
            let spread = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of)).to_string();
            let speed = spread(|run| run.records_per_second);
            let (cpu, peak) = (spread(|run| run.cpu_seconds), spread(|run| run.peak_mb));
            line([delivery.name(), kind, &speed, &cpu, &peak]);
        }
        let Ratios { records_per_second, cpu_seconds, peak_mb_more } = ratios;
        let (speed, cpu) = (records_per_second.to_string(), cpu_seconds.to_string());
        line([delivery.name(), "stage to raw", &speed, &cpu, &format!("+ {peak_mb_more}")]);
    }
}
