//! Async work in the order of keys: how many records a second a stage does whose records take a while
//! each, beside how many it could if nothing but the work took time.

use crate::figures::{Spread, save};
use crate::fill::{self, Input};
use crate::pizza::{ORDERS, Pizza};
use crate::place::{Place, fresh};
use crate::quiet;
use crate::stage::DEAD_LETTERS;
use crate::topics::Topics;
use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde::Serialize;
use stage_sdk::{Context, IntoStage, Item, Json, Running, Service, Stage, batched};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Milliseconds of work, and how many records of it are measured.
const WORK: [(u64, u64); 4] = [(1, 400_000), (2, 400_000), (10, 100_000), (100, 10_000)];

/// Longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(crate) struct Options {
    /// How often each runs.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Measures this part of the records: 10 is a tenth.
    #[arg(long, default_value_t = 1)]
    part: u64,
}

#[derive(Clone, Copy, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// An async function of one record.
    Alone,
    /// A batch takes as long as one record, and a worker has four at once.
    Together,
}

#[derive(Serialize)]
struct Row {
    how: How,
    work_ms: u64,
    records: u64,
    /// Nothing but the work, in the same run: one sleeper for each key.
    work_alone: f64,
    records_per_second: Spread,
    to_work_alone: Spread,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let topics = Topics::connect(place)?;
    topics.create(DEAD_LETTERS)?;
    let most = WORK.iter().map(|(_, records)| records / options.part).max().unwrap_or_default();
    let input = fill::input(place, &topics, Input::of(most))?;
    let mut rows = Vec::new();
    for (work_ms, records) in WORK {
        let records = records / options.part;
        for how in [How::Alone, How::Together] {
            quiet::wait(Duration::from_secs(place.patience))?;
            let work_alone = sleepers(work_ms);
            let mut rates = Vec::new();
            for _ in 0..options.rounds {
                quiet::wait(Duration::from_secs(place.patience))?;
                rates.push(drain(place, &topics, &input, how, work_ms, records)?);
            }
            let to_work_alone = Spread::of(rates.iter().map(|rate| rate / work_alone));
            let records_per_second = Spread::of(rates);
            let name = if how == How::Alone { "alone" } else { "together" };
            println!(
                "{work_ms:>3} ms {name:<8} {records_per_second} records/s; nothing but the work: {work_alone:.0}; ratio {to_work_alone}"
            );
            rows.push(Row { how, work_ms, records, work_alone, records_per_second, to_work_alone });
        }
    }
    save(place, &format!("keyed-{}.json", place.engine), &rows)
}

/// How often a second one sleeper for each key wakes: a timer's millisecond is longer than one.
fn sleepers(work_ms: u64) -> f64 {
    const TIME: Duration = Duration::from_secs(1);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        return f64::NAN;
    };
    let begin = Instant::now();
    let sleeper = async || {
        let mut count = 0;
        while begin.elapsed() < TIME {
            tokio::time::sleep(Duration::from_millis(work_ms)).await;
            count += 1;
        }
        count
    };
    let all = (0..ORDERS).map(|_| sleeper());
    let count: u64 = runtime.block_on(futures::future::join_all(all)).into_iter().sum();
    count as f64 / begin.elapsed().as_secs_f64()
}

thread_local! {
    /// The last number of each order.
    static LAST: RefCell<HashMap<String, u64>> = RefCell::default();
}

/// One more is done; whether it came after the one before it of its order.
fn done(pizza: &Pizza, count: &AtomicU64) -> Result<()> {
    let number = pizza.number;
    let order = pizza.order_id.clone();
    let before = LAST.with_borrow_mut(|last| last.insert(order, number));
    ensure!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
    count.fetch_add(1, Relaxed);
    Ok(())
}

/// Records a second from when a tenth is done to when all are.
fn drain(
    place: &Place,
    topics: &Topics,
    input: &str,
    how: How,
    work_ms: u64,
    records: u64,
) -> Result<f64> {
    let output = fresh("keyed");
    topics.create(&output)?;
    let work = Duration::from_millis(work_ms);
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let running = match how {
        How::Alone => {
            start(place, input, &output, async move |Json(pizza): Json<Pizza>, _: &Context| {
                tokio::time::sleep(work).await;
                done(&pizza, &counted)?;
                Ok(Json(pizza))
            })?
        }
        How::Together => {
            let together = async move |pizzas: Vec<Item<Json<Pizza>>>| {
                tokio::time::sleep(work).await;
                let one = |Item { input: Json(pizza), .. }| {
                    done(&pizza, &counted)?;
                    Ok(Json(pizza))
                };
                Ok(pizzas.into_iter().map(one).collect())
            };
            start(place, input, &output, batched(together).at_once(4))?
        }
    };
    let begin = reached(&running, &count, records / 10)?;
    let end = reached(&running, &count, records)?;
    running.stop_handle().stop();
    running.wait().map_err(|text| anyhow!(text))?;
    topics.delete(&output)?;
    Ok((records - records / 10) as f64 / end.duration_since(begin).as_secs_f64())
}

fn start<M, I>(place: &Place, input: &str, output: &str, stage: I) -> Result<Running>
where
    I: IntoStage<M>,
    I::Stage: Stage + Send,
{
    let service = Service {
        stage: "keyed".into(),
        group: fresh("keyed"),
        input: input.into(),
        output: Some(output.into()),
        dead_letters: DEAD_LETTERS.into(),
        broker: place.broker(),
        ..Service::default()
    };
    Ok(service.start(stage)?)
}

fn reached(running: &Running, count: &AtomicU64, wanted: u64) -> Result<Instant> {
    let begin = Instant::now();
    while count.load(Relaxed) < wanted {
        ensure!(!running.has_ended(), "the stage ended by itself");
        ensure!(begin.elapsed() < PATIENCE, "{wanted} records take too long");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(Instant::now())
}
