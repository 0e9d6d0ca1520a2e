//! How long records wait while a second instance joins a stage under load, and while it leaves.

use crate::contender::{Contender, Delivery, Job, STAGE, STREAMS};
use crate::course::Rounds;
use crate::pizza::{Station, TOPPING};
use crate::place::{Place, fresh};
use crate::probe::Probe;
use crate::quiet;
use crate::run::Processes;
use crate::stage::DEAD_LETTERS;
use crate::table::{Column, Row, Table};
use crate::topics::Topics;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::thread::{scope, sleep};
use std::time::Duration;

/// Pizzas a second, and how many while something changes; the change comes after the first thousand.
const LOAD: (u32, usize) = (1_000, 12_000);

const CONTENDERS: [&Contender; 2] = [&STAGE, &STREAMS];

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    rounds: Rounds,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let topics = Topics::connect(place)?;
    topics.create(DEAD_LETTERS)?;
    let mut rows = Vec::new();
    for contender in CONTENDERS {
        match contender.missing(place) {
            Some(why) => println!("SKIPPED: {}: {why}", contender.title),
            None => rows.push((contender, row(contender))),
        }
    }
    for round in 1..=options.rounds.rounds {
        for (contender, row) in &mut rows {
            quiet::wait(Duration::from_secs(place.patience))?;
            let longest = once(place, &topics, contender).context(contender.title)?;
            let [join, leave] = longest;
            println!(
                "round {round} {:<14} join {join:.0} ms, leave {leave:.0} ms",
                contender.title
            );
            row.columns.iter_mut().zip(longest).for_each(|(column, ms)| column.rounds.push(ms));
        }
    }
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Table { scenario: "rebalance".into(), engine: place.engine.clone(), rows }.save(place)
}

fn row(contender: &Contender) -> Row {
    let column = |name: &str| Column { name: name.into(), rounds: Vec::new() };
    Row {
        contender: contender.title.into(),
        ours: contender.name == STAGE.name,
        delivery: Some(Delivery::ExactlyOnce),
        condition: String::new(),
        records: LOAD.1 as u64,
        columns: vec![column("longest wait while one joins, ms"), column("while it leaves, ms")],
        note: String::new(),
    }
}

/// The longest time a pizza took while a second instance joined, and while it left, in milliseconds.
fn once(place: &Place, topics: &Topics, contender: &Contender) -> Result<[f64; 2]> {
    let names = [fresh("in"), fresh("out")];
    names.iter().try_for_each(|name| topics.create(name))?;
    let job = Job {
        input: names[0].clone(),
        output: names[1].clone(),
        group: fresh("rebalance"),
        records: 1_000_000_000, // never reached
        warm_up: 0,
        delivery: Delivery::ExactlyOnce,
        field: Station::Sauce,
        value: TOPPING.into(),
    };
    let jobs = [job];
    let first = Processes::start(place, contender, &jobs, &[])?;
    let mut probe = Probe::new(place, &names, false)?;
    probe.one_by_one(1)?;
    probe.paced(LOAD.0, LOAD.1, |_| true)?;
    let mut while_ = |change: &mut (dyn FnMut() -> Result<()> + Send)| {
        scope(|scope| {
            let changing = scope.spawn(move || {
                sleep(Duration::from_secs(1));
                change()
            });
            let all = probe.paced(LOAD.0, LOAD.1, |_| true);
            changing.join().map_err(|_| anyhow!("the change panicked"))??;
            Ok::<f64, anyhow::Error>(all?.into_iter().fold(0.0, f64::max))
        })
    };
    let mut second = None;
    let join = while_(&mut || {
        let joining = second.insert(Processes::start(place, contender, &jobs, &[])?);
        joining.first(0).map(drop)
    })?;
    let leave = while_(&mut || second.take().map_or(Ok(()), Processes::stop))?;
    first.stop()?;
    names.iter().try_for_each(|name| topics.delete(name))?;
    Ok([join, leave])
}
