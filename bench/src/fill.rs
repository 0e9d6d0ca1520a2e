//! The input: the same pizzas every time.

use crate::pizza::{ORDERS, Pizza};
use crate::place::Place;
use crate::topics::{PARTITIONS, Topics};
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
    #[command(flatten)]
    input: Input,
}

/// What the input is like.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// How many pizzas.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: u64,
    /// Bytes each is longer than it needs to be.
    #[arg(long, default_value_t = 0)]
    pub(crate) more: usize,
    /// How many orders they belong to.
    #[arg(long, default_value_t = ORDERS)]
    pub(crate) orders: u64,
    /// Of its topic, and of all that follow.
    #[arg(long, default_value_t = PARTITIONS)]
    pub(crate) partitions: i32,
}

impl Input {
    pub(crate) fn of(records: u64) -> Input {
        Input { records, more: 0, orders: ORDERS, partitions: PARTITIONS }
    }
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let begin = Instant::now();
    fill(place, &Topics::connect(place)?, &options.topic, options.input)?;
    println!("{} records in {:.1} s", options.input.records, begin.elapsed().as_secs_f64());
    Ok(())
}

/// The topic that holds these pizzas; filled if nobody did yet.
pub(crate) fn input(place: &Place, topics: &Topics, input: Input) -> Result<String> {
    let Input { records, more, orders, partitions } = input;
    let topic = format!("bench-pizzas-{records}-{orders}-{more}-{partitions}");
    topics.create_with(&topic, partitions)?;
    match topics.ends(&topic)?.iter().sum::<i64>() as u64 {
        0 => fill(place, topics, &topic, input)?,
        held => ensure!(
            held == records,
            "topic {topic} holds {held} records: an earlier fill was cut off; delete the topic"
        ),
    }
    Ok(topic)
}

pub(crate) fn fill(place: &Place, topics: &Topics, topic: &str, input: Input) -> Result<()> {
    topics.create_with(topic, input.partitions)?;
    let mut config = place.producer(None);
    config.set("linger.ms", "50");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
    for number in 0..input.records {
        let pizza = Pizza::new(number, input);
        let (key, value) = (pizza.key(), serde_json::to_vec(&pizza)?);
        let mut record = BaseRecord::to(topic).key(&key).payload(&value);
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
    ensure!(held >= input.records, "{topic} holds {held} records of {}", input.records);
    Ok(())
}
