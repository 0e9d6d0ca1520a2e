//! From produce to read-committed consume, through four stages in a chain.

use crate::contender::Delivery;
use crate::figures::{percentile, save};
use crate::pizza::Pizza;
use crate::place::{Place, fresh};
use crate::probe::Probe;
use crate::stage::DEAD_LETTERS;
use crate::topics::Topics;
use anyhow::{Result, anyhow};
use clap::{Args, ValueEnum};
use serde::Serialize;
use stage_sdk::{Context, Json, Running, Service};

/// The first ones find cold caches and connections; so many do not count, at each rate.
const WARM_UP: [usize; 2] = [10, 1000];

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Rate {
    /// The next one leaves after the last one has arrived, and a pause.
    One,
    /// A thousand a second, whatever arrives.
    #[value(name = "1000")]
    Thousand,
}

#[derive(Args)]
pub(crate) struct Options {
    /// How the pizzas are ordered.
    #[arg(long, default_value = "one")]
    rate: Rate,
    /// How many count; default 300 one by one, 10,000 at a thousand a second.
    #[arg(long)]
    records: Option<usize>,
    /// Whether outputs and offsets take effect together.
    #[arg(long, default_value = "exactly-once")]
    delivery: Delivery,
}

#[derive(Serialize)]
struct Latency {
    rate: Rate,
    delivery: Delivery,
    records: usize,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

type Topping = fn(&mut Pizza);

const STAGES: [(&str, Topping); 4] = [
    ("sauce", |pizza| pizza.sauce = "pesto".into()),
    ("cheese", |pizza| pizza.cheese = "mozzarella".into()),
    ("meat", |pizza| pizza.meats = "salami".into()),
    ("veggie", |pizza| pizza.veggies = "basil".into()),
];

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let topics = Topics::connect(place)?;
    topics.create(DEAD_LETTERS)?;
    let chain = fresh("chain");
    let names: Vec<String> = (0..=STAGES.len()).map(|at| format!("{chain}-{at}")).collect();
    names.iter().try_for_each(|name| topics.create(name))?;
    let stages = start(place, &chain, &names, options.delivery)?;
    let probe = Probe::new(place, &names)?;
    let fast = options.rate == Rate::Thousand;
    let warm_up = WARM_UP[usize::from(fast)];
    let records = options.records.unwrap_or(if fast { 10_000 } else { 300 });
    let measured = if fast {
        probe.thousand_a_second(warm_up + records, |_| true)
    } else {
        probe.one_by_one(warm_up + records)
    };
    for stage in stages {
        stage.stop_handle().stop();
        stage.wait().map_err(|text| anyhow!(text))?;
    }
    let mut all = measured?.split_off(warm_up);
    names.iter().try_for_each(|name| topics.delete(name))?;
    all.sort_by(f64::total_cmp);
    let at = |percent| percentile(&all, percent);
    let Options { rate, delivery, .. } = *options;
    let [p50_ms, p90_ms, p99_ms, max_ms] = [50.0, 90.0, 99.0, 100.0].map(at);
    println!(
        "p50 {p50_ms:.1} ms, p90 {p90_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms ({records} pizzas)"
    );
    let name = format!("latency-{}-{}.json", if fast { "1000" } else { "one" }, delivery.name());
    let figures = Latency { rate, delivery, records, p50_ms, p90_ms, p99_ms, max_ms };
    save(&name, &figures)
}

fn start(place: &Place, chain: &str, names: &[String], delivery: Delivery) -> Result<Vec<Running>> {
    let mut running = Vec::new();
    for ((stage, topping), pair) in STAGES.into_iter().zip(names.windows(2)) {
        let service = Service {
            stage: stage.into(),
            group: format!("{chain}.{stage}"),
            input: pair[0].clone(),
            output: Some(pair[1].clone()),
            dead_letters: DEAD_LETTERS.into(),
            broker: place.broker(),
            delivery: delivery.into(),
            ..Service::default()
        };
        running.push(service.start(move |Json(mut pizza): Json<Pizza>, _: &Context| {
            topping(&mut pizza);
            Ok(Json(pizza))
        })?);
    }
    Ok(running)
}
