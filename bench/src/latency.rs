//! From produce to read-committed consume, through four stages in a chain, each its own process.

use crate::contender::{Contender, Delivery, Job, RAW_IDLE, STAGE, STREAMS};
use crate::course::Rounds;
use crate::figures::percentile;
use crate::pizza::{Station, TOPPING};
use crate::place::{Place, fresh};
use crate::probe::Probe;
use crate::quiet;
use crate::run::Processes;
use crate::stage::DEAD_LETTERS;
use crate::table::{Column, Row, Table};
use crate::topics::Topics;
use anyhow::{Context, Result};
use clap::Args;
use std::time::Duration;

/// So many come first at a thousand a second, and do not count; a virtual machine needs more.
const WARM_UP: [usize; 2] = [2_000, 20_000];

/// Pizzas a second, and how many; 0: one by one.
const RATES: [(u32, usize); 4] = [(0, 100), (100, 1_000), (1_000, 10_000), (5_000, 25_000)];

const COLUMNS: [(&str, f64); 4] =
    [("p50 ms", 50.0), ("p90 ms", 90.0), ("p99 ms", 99.0), ("max ms", 100.0)];

const CONTENDERS: [&Contender; 3] = [&RAW_IDLE, &STAGE, &STREAMS];

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    rounds: Rounds,
    /// Only this rate, in pizzas a second; 0: one by one.
    #[arg(long)]
    rate: Option<u32>,
    /// Only this guarantee.
    #[arg(long)]
    delivery: Option<Delivery>,
    /// Measures this part of the pizzas: 10 is a tenth.
    #[arg(long, default_value_t = 1)]
    part: usize,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let topics = Topics::connect(place)?;
    topics.create(DEAD_LETTERS)?;
    let mut rates = RATES.to_vec();
    rates.retain(|(rate, _)| options.rate.is_none_or(|only| only == *rate));
    rates.iter_mut().for_each(|(_, records)| *records = (*records / options.part).max(10));
    let Rounds { rounds, warm_up, only } = &options.rounds;
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..warm_up + rounds {
        for delivery in Delivery::BOTH {
            if options.delivery.is_some_and(|only| only != delivery) {
                continue;
            }
            for contender in CONTENDERS {
                let wanted = only.is_empty() || only.iter().any(|name| name == contender.name);
                let counts = round >= *warm_up;
                if !wanted || !counts && !contender.ours() {
                    continue;
                }
                if let Some(why) = contender.missing(place) {
                    println!("SKIPPED: {}: {why}", contender.title);
                    continue;
                }
                quiet::wait(Duration::from_secs(place.patience))?;
                let title = contender.title;
                let found = chain(place, &topics, contender, delivery, &rates)
                    .with_context(|| format!("{title}, {}", delivery.words()));
                let found = match found {
                    Err(error) if contender.name != STAGE.name => {
                        println!("{error:#}");
                        continue;
                    }
                    found => found?,
                };
                for ((rate, records), all) in rates.iter().zip(found) {
                    let condition = name(*rate);
                    let spread = COLUMNS.map(|(_, percent)| percentile(&all, percent));
                    println!(
                        "{} {condition:<10} {:<13} {title:<32} p50 {:.1} ms, p90 {:.1}, p99 {:.1}, max {:.1}",
                        if counts { "round  " } else { "warm up" },
                        delivery.words(),
                        spread[0],
                        spread[1],
                        spread[2],
                        spread[3]
                    );
                    if counts {
                        add(&mut rows, contender, delivery, condition, *records, spread);
                    }
                }
            }
        }
    }
    rows.sort_by_key(|row| {
        let rate = rates.iter().position(|(rate, _)| name(*rate) == row.condition);
        (row.delivery == Some(Delivery::AtLeastOnce), rate)
    });
    Table { scenario: "latency".into(), engine: place.engine.clone(), rows }.save(place)
}

fn name(rate: u32) -> String {
    match rate {
        0 => "one by one".into(),
        rate => format!("{rate}/s"),
    }
}

fn add(
    rows: &mut Vec<Row>,
    contender: &Contender,
    delivery: Delivery,
    condition: String,
    records: usize,
    spread: [f64; 4],
) {
    let same = |row: &&mut Row| {
        row.contender == contender.title
            && row.delivery == Some(delivery)
            && row.condition == condition
    };
    if let Some(row) = rows.iter_mut().find(same) {
        row.columns.iter_mut().zip(spread).for_each(|(column, value)| column.rounds.push(value));
        return;
    }
    let columns = COLUMNS.iter().zip(spread);
    rows.push(Row {
        contender: contender.title.into(),
        ours: contender.name == STAGE.name,
        delivery: Some(delivery),
        condition,
        records: records as u64,
        columns: columns
            .map(|((name, _), value)| Column { name: (*name).into(), rounds: vec![value] })
            .collect(),
        note: String::new(),
    });
}

/// The times of one chain, rate by rate, sorted, in milliseconds.
fn chain(
    place: &Place,
    topics: &Topics,
    contender: &Contender,
    delivery: Delivery,
    rates: &[(u32, usize)],
) -> Result<Vec<Vec<f64>>> {
    let chain = fresh("chain");
    let names: Vec<String> = (0..=Station::ALL.len()).map(|at| format!("{chain}-{at}")).collect();
    names.iter().try_for_each(|name| topics.create(name))?;
    let jobs = names.windows(2).zip(Station::ALL).map(|(pair, field)| Job {
        input: pair[0].clone(),
        output: pair[1].clone(),
        group: format!("{chain}-{}", field.name()),
        records: 1_000_000_000, // never reached
        warm_up: 0,
        delivery,
        field,
        value: TOPPING.into(),
    });
    let processes = Processes::start(place, contender, &jobs.collect::<Vec<_>>(), &[])?;
    let mut probe = Probe::new(place, &names, delivery == Delivery::AtLeastOnce)?;
    // The chain is up once a pizza has come through.
    probe.one_by_one(1)?;
    probe.paced(1_000, WARM_UP[usize::from(contender.warms_up())], |_| true)?;
    let mut found = Vec::new();
    for (rate, records) in rates {
        let mut all = match rate {
            0 => probe.one_by_one(*records)?,
            rate => probe.paced(*rate, *records, |_| true)?,
        };
        all.sort_by(f64::total_cmp);
        found.push(all);
    }
    processes.stop()?;
    names.iter().try_for_each(|name| topics.delete(name))?;
    Ok(found)
}
