//! The newest records of a topic, read when they are asked for.

use super::follow::{partitions, reading};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;
use stage_sdk::broker::{Broker, Quiet};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// All of the asking and reading.
const TIME: Duration = Duration::from_secs(3);

/// More than this of a key, a value or a header is cut off, and more headers than this are left out.
const LONGEST: usize = 4_096;
const HEADERS: usize = 32;

/// A record as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Record {
    partition: i32,
    offset: i64,
    /// Milliseconds since 1970.
    timestamp: Option<i64>,
    /// What is no UTF-8 is shown with replacement characters.
    key: Option<String>,
    value: Option<String>,
    headers: Vec<Header>,
    /// Something of it is too long, and was left out.
    cut: bool,
}

/// A header of a record.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Header {
    name: String,
    value: Option<String>,
}

/// The newest committed records of a topic, newest first; at most `limit`, and those that were read within 3 s.
///
/// # Errors
/// The broker does not answer, or there is no such topic.
pub(crate) fn newest(broker: &Broker, topic: &str, limit: usize) -> KafkaResult<Vec<Record>> {
    let until = Instant::now() + TIME;
    let mut config = reading(broker);
    config.set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
    // Where each partition ends now, as long as it is not read up to there.
    let (mut from, mut ends) = (TopicPartitionList::new(), HashMap::new());
    for partition in 0..partitions(&consumer, topic)? {
        let ask = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(10));
        let (low, high) = consumer.fetch_watermarks(topic, partition, ask)?;
        // Ends of transactions are among the offsets: as many as records, if each was one of its own.
        let begin = (high - 2 * limit as i64).max(low);
        from.add_partition_offset(topic, partition, Offset::Offset(begin))?;
        ends.insert(partition, high);
    }
    consumer.assign(&from)?;
    let mut records = Vec::new();
    while !ends.is_empty() && Instant::now() < until {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let (partition, next) = (message.partition(), message.offset() + 1);
                let Some(end) = ends.get(&partition).copied() else { continue };
                // What came since is left for the next time.
                if next <= end {
                    records.push(shown(&message));
                }
                if next >= end {
                    ends.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = ends.remove(&partition),
            Some(Err(error)) => tracing::debug!(%error, topic, "reading the newest records"),
            None => {}
        }
    }
    records.sort_by_key(|record| std::cmp::Reverse((record.timestamp, record.offset)));
    records.truncate(limit);
    Ok(records)
}

fn shown(message: &BorrowedMessage<'_>) -> Record {
    let mut cut = false;
    let mut text = |bytes: &[u8]| {
        cut |= bytes.len() > LONGEST;
        String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned()
    };
    let (key, value) = (message.key().map(&mut text), message.payload().map(&mut text));
    let all = message.headers();
    let headers = all.iter().flat_map(|all| all.iter()).take(HEADERS);
    let headers = headers
        .map(|header| Header {
            name: text(header.key.as_bytes()),
            value: header.value.map(&mut text),
        })
        .collect();
    cut |= all.is_some_and(|all| all.count() > HEADERS);
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key,
        value,
        headers,
        cut,
    }
}
