//! Reads a topic once, from its beginning to the end it had when we began.

use crate::broker::{Broker, Quiet};
use crate::record::{self, Record};
use crate::service::StartError;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// One question to the broker, and the longest time without an answer.
const ASK: Duration = Duration::from_secs(10);

/// How long open transactions are waited for.
const OPEN: Duration = Duration::from_secs(60);

/// Where each partition begins and ends, by its number.
pub(super) type Ends = BTreeMap<i32, (i64, i64)>;

type Reader = BaseConsumer<Quiet>;

/// A reader of one topic; it joins no group.
pub(super) struct Scan {
    config: ClientConfig,
    consumer: Reader,
    topic: String,
    partitions: i32,
}

impl Scan {
    pub(super) fn new(broker: &Broker, topic: &str, partitions: i32) -> Result<Scan, StartError> {
        let mut config = broker.consumer(&format!("{topic}.reader"), None);
        config.set("enable.partition.eof", "true");
        let consumer = config.create_with_context(Quiet).map_err(|error| failed(topic, &error))?;
        Ok(Scan { config, consumer, topic: topic.to_owned(), partitions })
    }

    /// What a reader of committed records can read by now.
    pub(super) fn readable(&self) -> Result<Ends, StartError> {
        self.ends(&self.consumer).map_err(|error| failed(&self.topic, &error))
    }

    /// All that is there by now. Waits until no transaction among it is open, and says so: behind
    /// an open one there may be records that count, and nobody sees them yet.
    pub(super) fn all(&self) -> Result<Ends, StartError> {
        let look = || -> KafkaResult<Ends> {
            let mut config = self.config.clone();
            let uncommitted =
                config.set("isolation.level", "read_uncommitted").create_with_context(Quiet)?;
            self.ends(&uncommitted)
        };
        let all = look().map_err(|error| failed(&self.topic, &error))?;
        let (started, mut said) = (Instant::now(), Duration::ZERO);
        loop {
            let now = self.readable()?;
            let late =
                all.iter().find(|(number, (_, end))| now.get(number).is_none_or(|at| at.1 < *end));
            let Some((number, _)) = late else { return Ok(all) };
            if started.elapsed() > OPEN {
                return Err(StartError::Runtime(format!(
                    "a transaction in {} partition {number} has been open for {} s; try again when whoever writes there has finished or was stopped",
                    self.topic,
                    OPEN.as_secs()
                )));
            }
            if started.elapsed() - said > Duration::from_secs(2) {
                said = started.elapsed();
                tracing::warn!(
                    "waiting for a transaction in {} partition {number} to end",
                    self.topic
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ends(&self, reader: &Reader) -> KafkaResult<Ends> {
        (0..self.partitions)
            .map(|number| Ok((number, reader.fetch_watermarks(&self.topic, number, ASK)?)))
            .collect()
    }

    /// Shows every committed record between these ends, each partition's in order, until `visit`
    /// breaks off.
    pub(super) fn each(
        &self,
        ends: &Ends,
        mut visit: impl FnMut(&Record<'_>) -> Result<ControlFlow<()>, StartError>,
    ) -> Result<(), StartError> {
        let mut left: BTreeMap<i32, i64> = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for (number, (from, to)) in ends {
            if from < to {
                left.insert(*number, *to);
                list.add_partition_offset(&self.topic, *number, Offset::Offset(*from))
                    .map_err(|error| failed(&self.topic, &error))?;
            }
        }
        self.consumer.assign(&list).map_err(|error| failed(&self.topic, &error))?;
        let (mut headers, mut heard) = (Vec::new(), Instant::now());
        while !left.is_empty() {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let Some(end) = left.get(&message.partition()).copied() else { continue };
                    if message.offset() < end
                        && visit(&record::of(&message, &mut headers))?.is_break()
                    {
                        return Ok(());
                    }
                    if message.offset() + 1 >= end {
                        left.remove(&message.partition());
                    }
                }
                // What lies between the last record and the end is no record: markers, aborted ones.
                Some(Err(KafkaError::PartitionEOF(number))) => drop(left.remove(&number)),
                Some(Err(error)) if heard.elapsed() > ASK => {
                    return Err(failed(&self.topic, &error));
                }
                Some(Err(error)) => tracing::debug!(%error, "reading {}", self.topic),
                None if heard.elapsed() > ASK => {
                    let text = format!("no answer from the broker while reading {}", self.topic);
                    return Err(StartError::Runtime(text));
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn failed(topic: &str, error: &KafkaError) -> StartError {
    StartError::Runtime(format!("topic {topic} cannot be read: {error}"))
}
