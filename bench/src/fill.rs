//! The input: the same pizzas every time.

use crate::pizza::{Pizza, time_of};
use crate::place::Place;
use crate::topics::Topics;
use anyhow::{Result, bail, ensure};
use clap::Args;
use rdkafka::error::RDKafkaErrorCode::QueueFull;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// The topic; created if it is missing.
    #[arg(long)]
    topic: String,
    /// How many pizzas.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let begin = Instant::now();
    fill(place, &Topics::connect(place)?, &options.topic, options.records)?;
    println!("{} records in {:.1} s", options.records, begin.elapsed().as_secs_f64());
    Ok(())
}

/// The topic that holds this many pizzas; filled if nobody did yet.
pub(crate) fn input(place: &Place, topics: &Topics, records: u64) -> Result<String> {
    let topic = format!("bench-pizzas-{records}");
    topics.create(&topic)?;
    match topics.ends(&topic)?.iter().sum::<i64>() as u64 {
        0 => fill(place, topics, &topic, records)?,
        held => ensure!(
            held == records,
            "topic {topic} holds {held} records: an earlier fill was cut off; delete the topic"
        ),
    }
    Ok(topic)
}

pub(crate) fn fill(place: &Place, topics: &Topics, topic: &str, records: u64) -> Result<()> {
    topics.create(topic)?;
    let mut config = place.producer(None);
    config.set("linger.ms", "50");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
    for number in 0..records {
        let pizza = Pizza::new(number);
        let (key, value) = (pizza.key(), serde_json::to_vec(&pizza)?);
        let mut record = BaseRecord::to(topic).key(&key).payload(&value).timestamp(time_of(number));
        while let Err((error, unsent)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(QueueFull) {
                bail!("pizza {number} cannot be sent: {error}");
            }
            std::thread::sleep(Duration::from_millis(5));
            record = unsent;
        }
    }
    producer.flush(Duration::from_secs(60))?;
    let held = topics.ends(topic)?.iter().sum::<i64>() as u64;
    ensure!(held >= records, "{topic} holds {held} records of {records}");
    Ok(())
}
