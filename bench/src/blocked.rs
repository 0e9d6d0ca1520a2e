//! What other keys lose while one of a hundred waits in the retry topic: the same stage with policy
//! `ordered`, in turn with a key that fails all the time and without.

use crate::figures::{Spread, percentile, save};
use crate::fill::{self, Input};
use crate::pizza::{Pizza, one_order};
use crate::place::{Place, fresh};
use crate::probe::Probe;
use crate::quiet;
use crate::retrying::Retrying;
use crate::topics::Topics;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const RETRY: &str =
    r#"{ policy = "ordered", attempts = 1000000, backoff = "200ms..30s", in_place_for = "50ms" }"#;

#[derive(Args)]
pub(crate) struct Options {
    /// How often each of the two runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many records are drained; the first fifth does not count.
    #[arg(long, default_value_t = 2_000_000)]
    records: u64,
    /// How many come at a thousand a second.
    #[arg(long, default_value_t = 10_000)]
    paced: usize,
}

/// One run: of the keys that do not fail.
#[derive(Clone, Copy, Serialize)]
struct Run {
    records_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Serialize)]
struct Figures {
    clean: Vec<Run>,
    blocked: Vec<Run>,
    records_per_second: Spread,
    p99: Spread,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let topics = Topics::connect(place)?;
    let input = fill::input(place, &topics, Input::of(options.records))?;
    let mut runs = [Vec::new(), Vec::new()];
    for round in 1..=options.rounds {
        for turn in 0..2 {
            let which = (turn + round) % 2;
            quiet::wait(Duration::from_secs(place.patience))?;
            let records_per_second = drain(place, &input, options.records, which == 1)?;
            let [p50_ms, p99_ms] = pace(place, options.paced, which == 1)?;
            println!(
                "round {round} {:<7} {records_per_second:>7.0} records/s, p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms",
                ["clean", "blocked"][which]
            );
            runs[which].push(Run { records_per_second, p50_ms, p99_ms });
        }
    }
    let [clean, blocked] = runs;
    let ratio = |of: fn(&Run) -> f64| {
        Spread::of(clean.iter().zip(&blocked).map(|(clean, blocked)| of(blocked) / of(clean)))
    };
    let (records_per_second, p99) = (ratio(|run| run.records_per_second), ratio(|run| run.p99_ms));
    println!("\nthe others to clean: records per second {records_per_second}, p99 {p99}");
    save(
        place,
        &format!("blocked-{}.json", place.engine),
        &Figures { clean, blocked, records_per_second, p99 },
    )
}

/// A stage where one order may fail.
struct Bench {
    stage: Retrying,
    fails: Arc<AtomicBool>,
}

fn start(place: &Place, input: &str, fails: bool) -> Result<Bench> {
    let fails = Arc::new(AtomicBool::new(fails));
    let (failing, one) = (fails.clone(), one_order());
    let stage = Retrying::start(place, input, RETRY, move |pizza, _| {
        pizza.order_id == one && failing.load(Relaxed)
    })?;
    Ok(Bench { stage, fails })
}

impl Bench {
    /// Lets the failing order go on, and sees that nothing of it was lost.
    fn end(self, place: &Place, records: u64) -> Result<()> {
        self.fails.store(false, Relaxed);
        self.stage.end(place, records)
    }
}

/// Records a second of the other orders, where all of the input waits at the beginning.
fn drain(place: &Place, input: &str, records: u64, fails: bool) -> Result<f64> {
    let bench = start(place, input, fails)?;
    let rate = bench.stage.rate(records)?;
    bench.end(place, records)?;
    Ok(rate)
}

/// Of the other orders at a thousand a second: p50 and p99 in milliseconds.
fn pace(place: &Place, records: usize, fails: bool) -> Result<[f64; 2]> {
    let input = fresh("in");
    Topics::connect(place)?.create(&input)?;
    let bench = start(place, &input, fails)?;
    let mut probe = Probe::new(place, &[input.clone(), bench.stage.output.clone()], false)?;
    let one = one_order();
    let others = |number| Pizza::new(number, Input::of(0)).order_id != one;
    let all = probe.one_by_one(1).and_then(|_| probe.paced(1_000, 1_000 + records, others));
    bench.end(place, records as u64 + 1001)?;
    let mut all = all?.split_off(990);
    all.sort_by(f64::total_cmp);
    Topics::connect(place)?.delete(&input)?;
    Ok([50.0, 99.0].map(|percent| percentile(&all, percent)))
}
