//! Fetch: one partition, and what was read.

use super::topic::Place;
use crate::line::Line;
use crate::said::{Said, said, topic_name};
use crate::stored::{Stored, batches};
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use std::time::Duration;

/// Versions from here on name topics by id.
pub(crate) const BY_ID: i16 = 13;

/// The lowest version, and the highest, of those that name topics and of those that know ids.
pub(crate) const VERSIONS: [i16; 4] = [4, 7, 12, 17];

#[derive(Clone)]
pub(crate) struct Fetch {
    place: Place,
    pub(crate) partition: FetchPartition,
    pub(crate) request: FetchRequest,
}

impl Fetch {
    /// From an offset of a partition, without waiting.
    pub(crate) fn from(place: impl Into<Place>, offset: i64) -> Fetch {
        let place = place.into();
        let partition = FetchPartition::default()
            .with_partition(place.partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20);
        Fetch { place, partition, request: FetchRequest::default().with_min_bytes(1) }
    }

    pub(crate) fn committed(self) -> Fetch {
        Fetch { request: self.request.with_isolation_level(1), ..self }
    }

    /// Waits for that many bytes, for that long.
    pub(crate) fn waiting(self, bytes: i32, time: Duration) -> Fetch {
        let time = time.as_millis() as i32;
        Fetch { request: self.request.with_min_bytes(bytes).with_max_wait_ms(time), ..self }
    }

    /// At most that many bytes, of this partition and in all.
    pub(crate) fn limited(self, partition: i32, all: i32) -> Fetch {
        Fetch {
            partition: self.partition.with_partition_max_bytes(partition),
            request: self.request.with_max_bytes(all),
            ..self
        }
    }

    pub(crate) fn in_epoch(self, leader_epoch: i32) -> Fetch {
        Fetch { partition: self.partition.with_current_leader_epoch(leader_epoch), ..self }
    }

    pub(crate) fn topic(&self, version: i16) -> FetchTopic {
        let topic = FetchTopic::default().with_partitions(vec![self.partition.clone()]);
        match version >= BY_ID {
            true => topic.with_topic_id(self.place.topic.id),
            false => topic.with_topic(topic_name(&self.place.topic.name)),
        }
    }

    pub(crate) fn request(&self, version: i16) -> FetchRequest {
        self.request.clone().with_topics(vec![self.topic(version)])
    }
}

/// What one partition answered.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    pub(crate) log_start: i64,
    /// Producer and first offset of the aborted transactions.
    pub(crate) aborted: Vec<(i64, i64)>,
    pub(crate) batches: Vec<Stored>,
    pub(crate) size: usize,
}

impl Read {
    pub(crate) fn of(answer: &PartitionData) -> Said<Read> {
        said(answer.error_code)?;
        let records = answer.records.clone().unwrap_or_default();
        let aborted = answer.aborted_transactions.iter().flatten();
        Ok(Read {
            high_watermark: answer.high_watermark,
            last_stable: answer.last_stable_offset,
            log_start: answer.log_start_offset,
            aborted: aborted.map(|a| (a.producer_id.0, a.first_offset)).collect(),
            size: records.len(),
            batches: batches(records),
        })
    }

    /// The values of all records but markers, also of those that a client would skip.
    pub(crate) fn values(&self) -> Vec<String> {
        let batches = self.batches.iter().filter(|batch| !batch.is_control());
        let records = batches.flat_map(Stored::records);
        records.map(|(_, value)| word(&value.unwrap_or_default())).collect()
    }

    /// The markers: true is a commit.
    pub(crate) fn markers(&self) -> Vec<bool> {
        self.batches.iter().filter(|batch| batch.is_control()).map(Stored::commits).collect()
    }
}

fn word(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Line {
    pub(crate) fn fetch(&mut self, version: i16, fetch: &Fetch) -> Said<Read> {
        let answer = self.ask(version, &fetch.request(version));
        said(answer.error_code)?;
        Read::of(&answer.responses[0].partitions[0])
    }

    /// All of a partition, and of open and aborted transactions too.
    pub(crate) fn values(&mut self, place: impl Into<Place>) -> Vec<String> {
        self.fetch(12, &Fetch::from(place, 0)).expect("a fetch").values()
    }
}
