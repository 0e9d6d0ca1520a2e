//! Sentry's Arroyo.
//!
//! Its plain producer hands a record to librdkafka and does not wait for the delivery. So `push` and
//! `pull`, which are as in its documentation, commit the offsets of what may never arrive.

mod pull;
mod push;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use peers::job::{Job, Progress, log};
use sentry_arroyo::backends::kafka::InitialOffset;
use sentry_arroyo::backends::kafka::config::KafkaConfig;
use sentry_arroyo::backends::kafka::types::KafkaPayload;
use sentry_arroyo::types::{Topic, TopicOrPartition};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often offsets are committed.
const COMMIT: Duration = Duration::from_secs(1);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    job: Job,
    #[arg(long, default_value = "push")]
    flavour: Flavour,
}

#[derive(Clone, Copy, ValueEnum)]
enum Flavour {
    /// Strategies that messages are pushed into.
    Push,
    /// A stream that messages are pulled from.
    Pull,
    /// The same, and a message is done when its output is delivered.
    PullDelivered,
}

fn main() -> Result<()> {
    let Cli { job, flavour } = Cli::parse();
    job.needs_at_least_once::<Cli>("arroyo");
    log();
    let topper = Arc::new(Topper { progress: Progress::new(&job), job });
    let runtime = Runtime::new()?;
    match flavour {
        Flavour::Push => push::run(topper, &runtime),
        Flavour::Pull => runtime.block_on(pull::run(topper, pull::AtOnce::new)),
        Flavour::PullDelivered => runtime.block_on(pull::run(topper, pull::Delivered::new)),
    }
}

/// The work, in any flavour.
struct Topper {
    job: Job,
    progress: Progress,
}

impl Topper {
    fn top(&self, message: &KafkaPayload) -> Result<KafkaPayload> {
        self.progress.begin();
        let value = message.payload().context("a record without a value")?;
        let topped = self.job.topping.put_on_json(value)?;
        self.progress.end();
        Ok(KafkaPayload::new(message.key().cloned(), message.headers().cloned(), Some(topped)))
    }

    fn consumer(&self) -> KafkaConfig {
        let (brokers, group) = (vec![self.job.brokers.clone()], self.job.group.clone());
        let poll_interval = 30_000;
        let begin = InitialOffset::Earliest;
        KafkaConfig::new_consumer_config(brokers, group, begin, false, poll_interval, None)
    }

    fn producer(&self) -> KafkaConfig {
        KafkaConfig::new_producer_config(vec![self.job.brokers.clone()], None)
    }

    fn input(&self) -> Topic {
        Topic::new(&self.job.input)
    }

    fn output(&self) -> TopicOrPartition {
        TopicOrPartition::Topic(Topic::new(&self.job.output))
    }
}
