//! Reads all topics of the chain from a little before their ends, on a thread of its own.

use super::Kitchen;
use crate::order;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use stage_sdk::broker::{Broker, Quiet};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records of each partition that are looked at besides what comes: orders on their way are among them.
const BEFORE: i64 = 1_000;

/// One question to the broker.
const ASK: Duration = Duration::from_secs(2);

/// The thread that reads; it ends soon after this is dropped.
pub(super) struct Following(Arc<AtomicBool>);

impl Following {
    pub(super) fn begin(kitchen: Kitchen, broker: &Broker) -> Following {
        let ended = Arc::new(AtomicBool::new(false));
        let (told, broker) = (ended.clone(), broker.clone());
        let follow = move || {
            while !told.load(Ordering::Relaxed) {
                match Reader::begin(&kitchen, &broker) {
                    Ok(reader) => reader.read(&kitchen, &told),
                    Err(error) => {
                        tracing::debug!(%error, "the kitchen cannot be followed now");
                        std::thread::sleep(ASK / 4);
                    }
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("kitchen".into()).spawn(follow) {
            tracing::warn!(%error, "the kitchen cannot be followed");
        }
        Following(ended)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Reader {
    consumer: BaseConsumer<Quiet>,
    topics: HashMap<String, usize>,
    /// Where each partition ended when reading began: what is before it came long ago.
    ends: HashMap<(usize, i32), i64>,
}

impl Reader {
    fn begin(kitchen: &Kitchen, broker: &Broker) -> KafkaResult<Reader> {
        let consumer = reading(broker).create_with_context::<_, BaseConsumer<Quiet>>(Quiet)?;
        let (mut from, mut ends) = (TopicPartitionList::new(), HashMap::new());
        for (at, name) in kitchen.map().names().enumerate() {
            for partition in 0..partitions(&consumer, name)? {
                let (low, high) = consumer.fetch_watermarks(name, partition, ASK)?;
                let begin = (high - BEFORE).max(low);
                from.add_partition_offset(name, partition, Offset::Offset(begin))?;
                ends.insert((at, partition), high);
                kitchen.board().begins(at, partition as usize, begin);
            }
        }
        consumer.assign(&from)?;
        let names = kitchen.map().names().enumerate();
        Ok(Reader { consumer, topics: names.map(|(at, name)| (name.into(), at)).collect(), ends })
    }

    /// Until it is told to end, or something is wrong with the connection that does not mend by itself.
    fn read(&self, kitchen: &Kitchen, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => self.tell(kitchen, &message),
                Some(Err(error)) => {
                    tracing::debug!(%error, "following the kitchen");
                    if error.rdkafka_error_code().is_some_and(is_final) {
                        return;
                    }
                }
                None => {}
            }
        }
    }

    fn tell(&self, kitchen: &Kitchen, message: &BorrowedMessage<'_>) {
        let Some(&topic) = self.topics.get(message.topic()) else { return };
        let (partition, offset) = (message.partition(), message.offset());
        let is_new = self.ends.get(&(topic, partition)).is_none_or(|end| offset >= *end);
        let age = is_new.then(|| age(message.timestamp().to_millis()));
        let order = message.key().and_then(order_of);
        kitchen.board().came(topic, partition as usize, offset, order, age);
    }
}

/// A reader of committed records that is in no group.
pub(super) fn reading(broker: &Broker) -> rdkafka::ClientConfig {
    let mut config = broker.consumer("pizza-api.kitchen", None);
    config.set("auto.offset.reset", "earliest");
    config.set("queued.min.messages", "1000").set("queued.max.messages.kbytes", "1024");
    config
}

/// How many partitions a topic has; none: there is no such topic.
pub(super) fn partitions(consumer: &BaseConsumer<Quiet>, topic: &str) -> KafkaResult<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32))
}

/// What a new connection mends and this one does not.
fn is_final(code: rdkafka::error::RDKafkaErrorCode) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(code, Code::Fatal | Code::UnknownTopicOrPartition | Code::UnknownPartition)
}

/// Whose record it is: the key is the order's id as JSON.
fn order_of(key: &[u8]) -> Option<&str> {
    let id: &str = serde_json::from_slice(key).ok()?;
    order::is_id(id).then_some(id)
}

/// Since it was ordered: stages keep the time of their input.
fn age(timestamp: Option<i64>) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = timestamp.and_then(|millis| u64::try_from(millis).ok());
    then.map_or(Duration::ZERO, |millis| now.saturating_sub(Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_an_orders_if_it_is_an_id_in_json() {
        assert_eq!(order_of(b"\"4711\""), Some("4711"));
        for other in [&b"4711"[..], b"", b"\"\"", b"\"a\\nb\"", b"\xff", b"[\"1\"]"] {
            assert_eq!(order_of(other), None, "{other:?}");
        }
    }
}
