//! What the SDK costs: one stage beside a raw rdkafka loop that does the same, and a chain's latency.
//!
//! The road of a measurement: the input is filled once ([`fill`]); a contender ([`raw`] or
//! [`stage`]) handles it in a process of its own, which reports its CPU seconds and its memory
//! ([`usage`]); the measuring process starts it, takes the time ([`contender`]), and counts its
//! output ([`count`]). [`one_stage`], [`window`], [`latency`], [`blocked`], [`keyed`], [`engines`] and [`at_rest`] are
//! the measurements themselves.

mod pizza;

mod place;

mod topics;

mod fill;

mod raw;

mod stage;

mod usage;

mod quiet;

mod contender;

mod count;

mod figures;

mod one_stage;

mod window;

mod latency;

mod engines;

mod at_rest;

mod blocked;

mod keyed;

mod probe;

use clap::{Parser, Subcommand};
use place::Place;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Measures a stage beside a raw rdkafka loop, and the latency of a chain of four.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Raw loop and stage in turn, exactly once and at least once: medians, spread, ratios.
    OneStage(one_stage::Options),
    /// The default window beside fixed ones: how long the whole input takes.
    Window(window::Options),
    /// From produce to read-committed consume, through four chained stages.
    Latency(latency::Options),
    /// What the other keys lose while one of a hundred waits in the retry topic.
    Blocked(blocked::Options),
    /// Async work in the order of keys, one record at a time and in batches.
    Keyed(keyed::Options),
    /// Our broker beside Apache Kafka: produce and consume, and what it costs the broker.
    Engines(engines::Options),
    /// Our broker with many records on its disk: its start, and what it costs idle.
    AtRest(at_rest::Options),
    /// Creates a topic and fills it with pizzas.
    Fill(fill::Options),
    /// One run of the raw loop; its last line of output is its usage in JSON.
    Raw(contender::Job),
    /// One run of a stage; its last line of output is its usage in JSON.
    Stage(stage::Options),
    /// Compares an output topic with its input, record by record.
    Count(count::Options),
}

fn main() -> ExitCode {
    let Cli { place, what } = Cli::parse();
    tracing_subscriber::fmt()
        // rdkafka takes the end of a partition for an error, and librdkafka warns of settings we chose.
        .with_env_filter(
            EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,rdkafka=off,librdkafka=error".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let done = match what {
        What::OneStage(options) => one_stage::run(&place, &options),
        What::Window(options) => window::run(&place, &options),
        What::Latency(options) => latency::run(&place, &options),
        What::Blocked(options) => blocked::run(&place, &options),
        What::Keyed(options) => keyed::run(&place, &options),
        What::Engines(options) => engines::run(&place, &options),
        What::AtRest(options) => at_rest::run(&place, &options),
        What::Fill(options) => fill::run(&place, &options),
        What::Raw(job) => raw::run(&place, &job),
        What::Stage(options) => stage::run(&place, &options),
        What::Count(options) => count::run(&place, &options),
    };
    if let Err(error) = done {
        eprintln!("bench: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
