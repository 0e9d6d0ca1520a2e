//! What the SDK costs: stages beside raw rdkafka loops that do the same, and beside the peers.
//!
//! The road of a measurement: the input is filled once ([`fill`]); a [`contender`] handles it in processes
//! of its own, which say when they begin and end ([`run`]) and whose CPU time and memory are read from
//! outside ([`usage`]); their output is read back and compared ([`count`]); contenders take turns, round
//! by round ([`course`]); [`table`]s of [`figures`] become files, [`report`] and [`plot`] what one reads.
//! [`drain`], [`latency`], [`rebalance`], [`failing`], [`blocked`], [`keyed`], [`engines`] and [`at_rest`]
//! are the measurements themselves.

mod pizza;

mod place;

mod topics;

mod fill;

mod raw;

mod stage;

mod usage;

mod quiet;

mod contender;

mod run;

mod count;

mod figures;

mod table;

mod course;

mod drain;

mod latency;

mod engines;

mod at_rest;

mod rebalance;

mod plot;

mod report;

mod retrying;

mod failing;

mod blocked;

mod keyed;

mod probe;

use clap::{Parser, Subcommand};
use place::Place;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Measures stages beside raw rdkafka loops and beside the peers.
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
    /// Contenders drain a waiting input in turn: medians, spread, ratios.
    Drain(drain::Options),
    /// From produce to read-committed consume, through four chained stages.
    Latency(latency::Options),
    /// How long records wait while an instance joins, and while it leaves.
    Rebalance(rebalance::Options),
    /// What records that fail cost, policy by policy.
    Failing(failing::Options),
    /// What the other keys lose while one of a hundred waits in the retry topic.
    Blocked(blocked::Options),
    /// Async work in the order of keys, one record at a time and in batches.
    Keyed(keyed::Options),
    /// Our broker beside Apache Kafka: produce and consume, and what it costs the broker.
    Engines(engines::Options),
    /// Our broker with many records on its disk: its start, and what it costs idle.
    AtRest(at_rest::Options),
    /// Writes the tables of the results into a text, and draws them.
    Report(report::Options),
    /// Creates a topic and fills it with pizzas.
    Fill(fill::Options),
    /// A contender: the raw loop.
    Raw(raw::Options),
    /// A contender: a stage.
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
        What::Drain(options) => drain::run(&place, &options),
        What::Latency(options) => latency::run(&place, &options),
        What::Rebalance(options) => rebalance::run(&place, &options),
        What::Failing(options) => failing::run(&place, &options),
        What::Blocked(options) => blocked::run(&place, &options),
        What::Keyed(options) => keyed::run(&place, &options),
        What::Engines(options) => engines::run(&place, &options),
        What::AtRest(options) => at_rest::run(&place, &options),
        What::Report(options) => report::run(&place, &options),
        What::Fill(options) => fill::run(&place, &options),
        What::Raw(options) => raw::run(&place, &options),
        What::Stage(options) => stage::run(&place, &options),
        What::Count(options) => count::run(&place, &options),
    };
    if let Err(error) = done {
        eprintln!("bench: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
