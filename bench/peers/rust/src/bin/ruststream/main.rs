//! RustStream with its Kafka broker.

mod batch;
mod one_by_one;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use peers::job::{Job, Progress, log};
use peers::pizza::Pizza;
use ruststream::runtime::{FailurePolicies, FailurePolicy};
use ruststream_rdkafka::prelude::*;
use std::num::NonZeroUsize;
use std::time::Duration;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    job: Job,
    #[arg(long, default_value = "quick-start")]
    flavour: Flavour,
    /// How long the async work on a record takes; keyed only.
    #[arg(long, value_name = "MS")]
    work_ms: Option<u64>,
    /// How many workers share the keys, 1,000 unless told; keyed only.
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Flavour {
    /// One record after the other, as in the readme.
    QuickStart,
    /// Up to 1,000 records at a time.
    Batch,
    /// Many at a time, those of a key one after the other.
    Keyed,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Cli { job, flavour, work_ms, concurrency } = Cli::parse();
    if flavour != Flavour::Keyed {
        job.needs_at_least_once::<Cli>("this flavour of ruststream");
        if work_ms.is_some() || concurrency.is_some() {
            let text = "--work-ms and --concurrency go with --flavour keyed only";
            Cli::command().error(ErrorKind::ArgumentConflict, text).exit();
        }
    }
    log();
    let mut broker = KafkaBroker::new([job.brokers.clone()]).default_group(job.group.clone());
    if flavour == Flavour::Keyed {
        broker = broker.producer_config("linger.ms", one_by_one::linger(job.delivery));
    }
    let topper = Topper { progress: Progress::new(&job), job };
    let stage = RustStream::new(AppInfo::new("stage", "0.1.0"));
    let stage = stage.with_broker(broker, |scope| match flavour {
        Flavour::QuickStart => one_by_one::quick_start(scope, topper),
        Flavour::Batch => batch::mount(scope, topper),
        Flavour::Keyed => {
            let work = Duration::from_millis(work_ms.unwrap_or_default());
            one_by_one::keyed(scope, topper, work, concurrency.unwrap_or(nonzero!(1000)));
        }
    });
    Ok(stage.run().await?)
}

/// The work, in any flavour.
struct Topper {
    job: Job,
    progress: Progress,
}

impl Topper {
    fn top(&self, pizza: &Pizza) -> Pizza {
        let mut topped = pizza.clone();
        self.job.topping.put_on(&mut topped);
        topped
    }
}

fn topic(topper: &Topper) -> KafkaTopic {
    KafkaTopic::new(&topper.job.input).start(StartOffset::Earliest)
}

/// A record that cannot be decoded is dropped unless we say otherwise.
fn stop() -> FailurePolicies {
    FailurePolicies::default().with_decode(FailurePolicy::FailFast)
}
