//! Parked records, back from the retry topic; and what is deleted there.

use super::{ASK, LOOK, Lanes, PREFIX, assign};
use crate::core::Partition;
use crate::record::{self, Headers, Kept, Record, pack};
use crate::redirect;
use rdkafka::admin::AdminOptions;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Which record of the input it is.
const ID: &str = "__stage.retry.id";

/// Which copy of it this is.
const EDITION: &str = "__stage.retry.edition";

/// What one fetch brings at most.
const RECORDS: usize = 512;
const BYTES: usize = 1 << 20;

/// A parked record, where it is in the retry topic, and which copy of it this is.
pub(crate) struct Back {
    pub(crate) place: i64,
    pub(crate) edition: u64,
    pub(crate) kept: Kept,
}

/// Where a fetch ended, and what it brought.
type Fetched = (i64, Vec<Back>);

/// Rather than begin anew, so many records are read and passed over.
const NEAR: i64 = 1000;

impl Lanes {
    /// Records from this place on: what there is at once, or nothing. None: nothing was heard.
    pub(super) fn fetch(
        &mut self,
        partition: Partition,
        from: i64,
    ) -> KafkaResult<Option<Fetched>> {
        let here = self.at.take();
        let clients = self.clients()?;
        if here.is_none_or(|(of, next)| of != partition || from < next || from > next + NEAR) {
            let offset = Offset::Offset(from);
            assign(&clients.reader, &self.topics.retry, partition.number, offset)?;
        }
        let (mut next, mut records, mut bytes) = (from, Vec::new(), 0);
        let (mut failed, mut heard) = (None, false);
        let until = Instant::now() + LOOK;
        while records.len() < RECORDS && bytes < BYTES {
            let now = Instant::now();
            let wait = if records.is_empty() {
                until.saturating_duration_since(now)
            } else {
                Duration::ZERO
            };
            match clients.reader.poll(wait) {
                Some(Ok(message)) => {
                    heard = true;
                    next = message.offset() + 1;
                    if message.offset() < from {
                        continue;
                    }
                    bytes += message.payload_len() + message.key_len();
                    match self.unwrap(&message) {
                        Some(back) => records.push(back),
                        None => tracing::warn!(
                            topic = self.topics.retry,
                            partition = partition.number,
                            offset = message.offset(),
                            "not a parked record of ours; it is passed over"
                        ),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    heard = true;
                    break;
                }
                Some(Err(error)) => failed = Some(error),
                None => break,
            }
        }
        if let Some(error) = failed.filter(|_| records.is_empty()) {
            return Err(error);
        }
        self.at = Some((partition, next.max(from)));
        Ok(heard.then_some((next.max(from), records)))
    }

    /// The record as it was in the input.
    fn unwrap(&self, message: &BorrowedMessage<'_>) -> Option<Back> {
        let mut headers = Vec::new();
        let found = record::of(message, &mut headers);
        let header = |wanted| {
            Headers::new(found.headers).find(|(name, _)| *name == wanted).and_then(|(_, v)| v)
        };
        let offset = redirect::offset(header(ID)?, &self.topics.input, message.partition())?;
        let edition = redirect::edition(header(EDITION))?;
        Some(Back { place: message.offset(), edition, kept: as_in_input(&found, offset) })
    }

    pub(super) fn clean(&self, partition: Partition, place: i64) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(place);
        list.add_partition_offset(&self.topics.retry, partition.number, offset)?;
        let options = AdminOptions::new().request_timeout(Some(ASK));
        let admin = &self.clients()?.admin;
        let deleted = futures::executor::block_on(admin.delete_records(&list, &options))?;
        deleted.elements().iter().try_for_each(|element| element.error())
    }
}

/// A record of the retry topic as the input has it, at this offset.
pub(crate) fn as_in_input(record: &Record<'_>, offset: i64) -> Kept {
    let mut headers = Vec::new();
    let own = Headers::new(record.headers).filter(|(name, _)| !name.starts_with(PREFIX));
    own.for_each(|(name, value)| pack(&mut headers, name, value));
    Kept::of(&Record { offset, headers: &headers, ..*record })
}
