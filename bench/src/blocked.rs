//! What other keys lose while one of a hundred waits in the retry topic: the same stage with policy
//! `ordered`, in turn with a key that fails all the time and without.

use crate::figures::{Spread, percentile, save};
use crate::pizza::{Pizza, one_order};
use crate::place::{Place, fresh};
use crate::probe::Probe;
use crate::topics::Topics;
use crate::{fill, quiet};
use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde::Serialize;
use stage_sdk::chain::{Chain, plan};
use stage_sdk::{Context, Failure, Json, Running};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Longer than it takes for a whole input to be handled.
const PATIENCE: Duration = Duration::from_secs(300);

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
    let input = fill::input(place, &topics, options.records)?;
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
    save("blocked.json", &Figures { clean, blocked, records_per_second, p99 })
}

/// A stage of its own chain, and the topics around it.
struct Bench {
    running: Running,
    output: String,
    /// Records handled well.
    handled: Arc<AtomicU64>,
    /// One order fails.
    fails: Arc<AtomicBool>,
}

fn start(place: &Place, input: &str, fails: bool) -> Result<Bench> {
    let (chain, output) = (fresh("blocked"), fresh("out"));
    let map = format!(
        r#"[chain]
name = "{chain}"
[topics."{input}"]
partitions = 4
source = true
[topics."{output}"]
partitions = 4
config = {{ "retention.ms" = "-1" }}
[stages.{chain}]
input = "{input}"
output = "{output}"
retry = {{ policy = "ordered", attempts = 1000000, backoff = "200ms..30s", in_place_for = "50ms" }}
"#
    );
    let map = Chain::parse(&map, "blocked").map_err(|problems| anyhow!("{problems}"))?;
    plan::apply(&plan::plan(&map, &place.broker())?, &place.broker())?;
    let service = stage_sdk::Service { broker: place.broker(), ..map.service(&chain)? };
    let (handled, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(fails)));
    let (count, failing, one) = (handled.clone(), fails.clone(), one_order());
    let running = service.start(move |Json(mut pizza): Json<Pizza>, _: &Context| {
        if pizza.order_id == one && failing.load(Relaxed) {
            return Err(Failure::from(std::io::Error::other("not this one")));
        }
        count.fetch_add(1, Relaxed);
        pizza.sauce = "pesto".into();
        Ok(Json(pizza))
    })?;
    Ok(Bench { running, output, handled, fails })
}

impl Bench {
    /// When so many have been handled.
    fn handled(&self, count: u64) -> Result<Instant> {
        let begin = Instant::now();
        while self.handled.load(Relaxed) < count {
            ensure!(!self.running.has_ended(), "the stage ended by itself");
            ensure!(begin.elapsed() < PATIENCE, "{count} records take too long");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Instant::now())
    }

    /// Lets the failing order go on, and sees that nothing of it was lost.
    fn end(self, place: &Place, records: u64) -> Result<()> {
        self.fails.store(false, Relaxed);
        self.handled(records)?;
        self.running.stop_handle().stop();
        self.running.wait().map_err(|text| anyhow!(text))?;
        Topics::connect(place)?.delete(&self.output)
    }
}

/// Records a second of the other orders, where all of the input waits at the beginning.
fn drain(place: &Place, input: &str, records: u64, fails: bool) -> Result<f64> {
    let bench = start(place, input, fails)?;
    let (first, last) = (records / 5, records / 100 * 98);
    let begin = bench.handled(first)?;
    let took = bench.handled(last)?.duration_since(begin);
    bench.end(place, records)?;
    Ok((last - first) as f64 / took.as_secs_f64())
}

/// Of the other orders at a thousand a second: p50 and p99 in milliseconds.
fn pace(place: &Place, records: usize, fails: bool) -> Result<[f64; 2]> {
    let input = fresh("in");
    Topics::connect(place)?.create(&input)?;
    let bench = start(place, &input, fails)?;
    let probe = Probe::new(place, &[input.clone(), bench.output.clone()])?;
    let one = one_order();
    let others = |number| Pizza::new(number as u64).order_id != one;
    let all = probe.thousand_a_second(1000 + records, others);
    bench.end(place, records as u64 + 1001)?;
    let mut all = all?.split_off(990);
    all.sort_by(f64::total_cmp);
    Topics::connect(place)?.delete(&input)?;
    Ok([50.0, 99.0].map(|percent| percentile(&all, percent)))
}
