//! How many records have come out at the ends, while it goes on.

use crate::chain::{Chain, PARTITIONS};
use crate::history::client;
use crate::reminder::Reminder;
use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Counts what a reader of committed records sees in a chain's last topic and in its dead letters.
pub(crate) struct Arrivals {
    consumer: BaseConsumer,
    reminder: Reminder,
    /// Which chain a topic belongs to.
    chains: BTreeMap<String, &'static str>,
    counts: BTreeMap<&'static str, usize>,
}

impl Arrivals {
    pub(crate) fn of(chains: &[Chain], brokers: &str) -> Result<Arrivals> {
        let consumer = client(brokers, "arrivals", true)?;
        let mut list = TopicPartitionList::new();
        let mut names = BTreeMap::new();
        for chain in chains {
            let dead = chain.stages.iter().map(|stage| stage.topic("dlq"));
            for topic in dead.chain([chain.last.clone()]) {
                for partition in 0..PARTITIONS {
                    list.add_partition_offset(&topic, partition, Offset::Beginning)?;
                }
                names.insert(topic, chain.name);
            }
        }
        consumer.assign(&list)?;
        let reminder = Reminder::new(brokers);
        Ok(Arrivals { consumer, reminder, chains: names, counts: BTreeMap::new() })
    }

    /// Reads what has come, for so long.
    pub(crate) fn look(&mut self, time: Duration) {
        self.reminder.remind(self.consumer.client().native_ptr());
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    if let Some(chain) = self.chains.get(message.topic()) {
                        *self.counts.entry(chain).or_default() += 1;
                    }
                }
                _ if left.is_zero() => return,
                _ => {}
            }
        }
    }

    pub(crate) fn of_chain(&self, chain: &str) -> usize {
        self.counts.get(chain).copied().unwrap_or(0)
    }
}
