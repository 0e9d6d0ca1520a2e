//! The loop that many write: rdkafka's `StreamConsumer`, and a `FutureProducer` whose every send is
//! awaited.
//!
//! All settings are the defaults but where to begin. So offsets are committed every five seconds, of
//! what was read, whether it was handled or not.

use anyhow::{Context, Result};
use clap::Parser;
use peers::job::{Job, Progress, log, terminated};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};
use std::time::Duration;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    job: Job,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Cli { job } = Cli::parse();
    job.needs_at_least_once::<Cli>("the usual loop");
    log();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.brokers);
    let producer: FutureProducer = config.create()?;
    config.set("group.id", &job.group).set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[&job.input])?;
    tokio::select! {
        error = drain(&job, &consumer, &producer) => error?,
        signal = terminated() => signal?,
    }
    Ok(())
}

async fn drain(job: &Job, consumer: &StreamConsumer, producer: &FutureProducer) -> Result<()> {
    let progress = Progress::new(job);
    loop {
        let message = consumer.recv().await?;
        progress.begin();
        handle(job, &message, producer).await?;
        progress.end();
    }
}

async fn handle(job: &Job, message: &BorrowedMessage<'_>, producer: &FutureProducer) -> Result<()> {
    let value = message.payload().context("a record without a value")?;
    let topped = job.topping.put_on_json(value)?;
    let mut record = FutureRecord::to(&job.output).payload(&topped);
    record.key = message.key();
    producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
    Ok(())
}
