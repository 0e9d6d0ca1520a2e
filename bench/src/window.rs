//! How well the default window does beside the best fixed one.

use crate::contender::Delivery;
use crate::figures::{Spread, save};
use crate::one_stage::Course;
use crate::place::Place;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Options {
    /// How often each window runs.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many records are drained.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// The fixed windows, in records.
    #[arg(long, value_delimiter = ',', default_value = "500,1000,2000,5000,10000,20000,50000")]
    windows: Vec<usize>,
    /// Whether outputs and offsets take effect together.
    #[arg(long, default_value = "exactly-once")]
    delivery: Delivery,
}

#[derive(Serialize)]
struct Windows {
    delivery: Delivery,
    records: u64,
    rounds: usize,
    windows: Vec<Row>,
    default_to_best_fixed: f64,
}

#[derive(Serialize)]
struct Row {
    /// In records; none: the default.
    window: Option<usize>,
    seconds: Spread,
    cpu_seconds: Spread,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let course = Course::prepare(place, options.records)?;
    let windows: Vec<Option<usize>> =
        [None].into_iter().chain(options.windows.iter().copied().map(Some)).collect();
    let mut runs = vec![Vec::new(); windows.len()];
    for round in 1..=options.rounds {
        for (window, runs) in windows.iter().zip(&mut runs) {
            let more = window.map(|records| vec!["--window".into(), records.to_string()]);
            let run = course.run("stage", options.delivery, &more.unwrap_or_default())?;
            println!("round {round} window {:<7} {:>6.2} s", name(*window), run.seconds);
            runs.push(run);
        }
    }
    let rows = windows.iter().zip(&runs).map(|(window, runs)| Row {
        window: *window,
        seconds: Spread::of(runs.iter().map(|run| run.seconds)),
        cpu_seconds: Spread::of(runs.iter().map(|run| run.cpu_seconds)),
    });
    let rows: Vec<Row> = rows.collect();
    let best = rows[1..].iter().map(|row| row.seconds.median).fold(f64::INFINITY, f64::min);
    println!("\n{}, median (min–max)", options.delivery.name());
    println!("{:<8} {:<18} {:<18} to the best fixed one", "window", "seconds", "CPU seconds");
    for Row { window, seconds, cpu_seconds } in &rows {
        let ratio = seconds.median / best;
        println!("{:<8} {seconds:<18} {cpu_seconds:<18} {ratio:.2}", name(*window));
    }
    let figures = Windows {
        delivery: options.delivery,
        records: options.records,
        rounds: options.rounds,
        default_to_best_fixed: rows[0].seconds.median / best,
        windows: rows,
    };
    save(&format!("window-{}.json", options.delivery.name()), &figures)
}

fn name(window: Option<usize>) -> String {
    window.map_or("default".into(), |records| records.to_string())
}
