//! What it costs when some records fail: each policy beside the same stage where none does.

use crate::course::Rounds;
use crate::fill::{self, Input};
use crate::pizza::Pizza;
use crate::place::Place;
use crate::quiet;
use crate::retrying::Retrying;
use crate::table::{Column, Row, Table};
use crate::topics::Topics;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

const POLICIES: [&str; 4] = ["ordered", "retry-topic", "in-place", "dead-letter"];

/// Of a hundred records, how many fail at their first attempt.
const PERCENT: [u64; 3] = [0, 1, 5];

/// How many are drained; the first fifth does not count.
const RECORDS: u64 = 2_000_000;

/// Ten pizzas each: a key that waits holds up few.
const ORDERS_TO_PIZZAS: u64 = 10;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    rounds: Rounds,
    /// Measures this part of the records: 10 is a tenth.
    #[arg(long, default_value_t = 1)]
    part: u64,
    /// Only this policy.
    #[arg(long, value_parser = POLICIES)]
    policy: Option<String>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let records = RECORDS / options.part;
    let input = Input { orders: records / ORDERS_TO_PIZZAS, ..Input::of(records) };
    let topic = fill::input(place, &Topics::connect(place)?, input)?;
    let Rounds { rounds, warm_up, .. } = options.rounds;
    let mut rows: Vec<Row> = Vec::new();
    for policy in POLICIES {
        if options.policy.as_ref().is_none_or(|only| only == policy) {
            rows.extend(PERCENT.map(|percent| row(policy, percent, records)));
        }
    }
    for round in 0..warm_up + rounds {
        let count = rows.len();
        for turn in 0..count {
            let row = &mut rows[(turn + round) % count];
            let percent = PERCENT[(turn + round) % count % PERCENT.len()];
            quiet::wait(Duration::from_secs(place.patience))?;
            let rate = drain(place, &topic, &row.condition, percent, records)?;
            println!(
                "round {round} {:<12} {:<10} {rate:.0} records/s",
                row.condition, row.contender
            );
            if round >= warm_up {
                row.columns[0].rounds.push(rate);
            }
        }
    }
    for policy in rows.chunks_mut(PERCENT.len()) {
        let clean = policy[0].columns[0].rounds.clone();
        for row in policy {
            let rounds = row.columns[0].rounds.iter().zip(&clean);
            let to_clean = rounds.map(|(rate, clean)| rate / clean).collect();
            row.columns.push(Column { name: "to clean".into(), rounds: to_clean });
        }
    }
    Table { scenario: "failing".into(), engine: place.engine.clone(), rows }.save(place)
}

fn row(policy: &str, percent: u64, records: u64) -> Row {
    Row {
        contender: format!("{percent} % fail"),
        ours: false,
        delivery: None,
        condition: policy.into(),
        records,
        columns: vec![Column { name: "records/s".into(), rounds: Vec::new() }],
        note: String::new(),
    }
}

fn drain(place: &Place, topic: &str, policy: &str, percent: u64, records: u64) -> Result<f64> {
    // Not the same records of each order.
    let chosen = move |pizza: &Pizza| pizza.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let fails = move |pizza: &Pizza| chosen(pizza) % 100 < percent;
    let retry = format!("{{ policy = \"{policy}\" }}");
    let stage =
        Retrying::start(place, topic, &retry, move |pizza, attempt| attempt == 1 && fails(pizza))?;
    let lost = match policy {
        "dead-letter" => {
            let orders = records / ORDERS_TO_PIZZAS;
            let input = Input { orders, ..Input::of(records) };
            (0..records).filter(|number| fails(&Pizza::new(*number, input))).count() as u64
        }
        _ => 0,
    };
    let rate = stage.rate(records - lost)?;
    stage.end(place, records - lost)?;
    Ok(rate)
}
