//! What the harness asks of a peer, and what it wants to hear from it.

use crate::pizza::Topping;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, ValueEnum};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// How often an output may appear.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Delivery {
    ExactlyOnce,
    AtLeastOnce,
}

/// What to do.
#[derive(Clone, Args)]
pub struct Job {
    /// HOST:PORT of a broker.
    #[arg(long)]
    pub brokers: String,
    /// The topic to read, from the beginning.
    #[arg(long)]
    pub input: String,
    /// The topic to write.
    #[arg(long)]
    pub output: String,
    /// A consumer group that nobody used before.
    #[arg(long)]
    pub group: String,
    /// How many records there are to handle, warm-up included.
    #[arg(long)]
    records: u64,
    /// How many of them are not measured.
    #[arg(long)]
    warm_up: u64,
    /// Whether outputs and offsets take effect together.
    #[arg(long)]
    pub delivery: Delivery,
    #[command(flatten)]
    pub topping: Topping,
}

impl Job {
    /// Ends the process if it is to be exactly once, which `peer` cannot do.
    pub fn needs_at_least_once<Cli: CommandFactory>(&self, peer: &str) {
        if self.delivery != Delivery::AtLeastOnce {
            let text = format!("{peer} cannot do --delivery exactly-once, at-least-once only");
            Cli::command().error(ErrorKind::InvalidValue, text).exit();
        }
    }
}

/// Counts records, and tells the harness of those it waits for.
pub struct Progress {
    begun: AtomicU64,
    handled: AtomicU64,
    warm_up: u64,
    records: u64,
}

impl Progress {
    /// Of a job that has not begun.
    pub fn new(job: &Job) -> Progress {
        let (begun, handled) = (AtomicU64::new(0), AtomicU64::new(0));
        Progress { begun, handled, warm_up: job.warm_up, records: job.records }
    }

    /// A record is about to be handled.
    pub fn begin(&self) {
        if self.begun.fetch_add(1, Relaxed) == self.warm_up {
            tell("first");
        }
    }

    /// A record is handled.
    pub fn end(&self) {
        if self.handled.fetch_add(1, Relaxed) + 1 == self.records {
            tell("handled");
        }
    }
}

fn tell(line: &str) {
    let mut out = std::io::stdout();
    // A harness that is gone is no reason to stop.
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

/// Sends the libraries' warnings and errors to standard error.
pub fn log() {
    let warnings = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN);
    warnings.with_ansi(false).with_writer(std::io::stderr).init();
}

/// Waits for SIGTERM.
pub async fn terminated() -> std::io::Result<()> {
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}
