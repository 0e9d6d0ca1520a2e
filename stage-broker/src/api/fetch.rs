//! Fetch: what there is; or a wait until there is enough, or enough time has passed. Sessions are
//! not kept: every answer says so by session 0, as Kafka's does when it has no room for one.

mod fetched;

use super::{Cx, code};
use crate::connection::closed;
use crate::log::segment::Found;
use crate::partition::Partition;
use bytes::Bytes;
use fetched::Fetched;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProducerId};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What an answer still may hold.
struct Room {
    bytes: usize,
    /// Nothing is in it yet: a batch larger than the room is given all the same.
    empty: bool,
}

pub(super) async fn answer(cx: &mut Cx, request: FetchRequest) -> Fetched {
    if request.session_id != 0 || request.session_epoch > 0 {
        let error = code(ResponseError::FetchSessionIdNotFound);
        return FetchResponse::default().with_error_code(error).into();
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait;
    let enough = usize::try_from(request.min_bytes).unwrap_or(0);
    let waiter = Rc::new(Notify::new());
    loop {
        // Watch first, then look: nothing that comes between is missed.
        let partitions = find(cx, &request.topics);
        let _watches: Vec<_> =
            partitions.iter().map(|partition| partition.watch(&waiter)).collect();
        let (response, bytes, failed) = read(cx, &request);
        if bytes >= enough || failed || partitions.is_empty() || Instant::now() >= deadline {
            return response;
        }
        tokio::select! {
            () = waiter.notified() => {}
            () = sleep_until(deadline) => {}
            // Nobody waits any more.
            () = closed(&cx.socket) => return response,
        }
    }
}

/// The partitions that are there.
fn find(cx: &Cx, topics: &[FetchTopic]) -> Vec<Rc<Partition>> {
    let known = cx.node.topics.borrow();
    let mut found = Vec::new();
    for asked in topics {
        let topic =
            if cx.version >= 13 { known.by_id(asked.topic_id) } else { known.get(&asked.topic) };
        let Some(topic) = topic else { continue };
        let indexes = asked.partitions.iter().filter_map(|p| usize::try_from(p.partition).ok());
        found.extend(indexes.filter_map(|index| topic.partitions.get(index).cloned()));
    }
    found
}

/// Finds all there is: the answer, the bytes of its records, whether a part of it is an error.
fn read(cx: &Cx, request: &FetchRequest) -> (Fetched, usize, bool) {
    let committed = request.isolation_level == 1;
    let limit = usize::try_from(request.max_bytes).unwrap_or(0);
    let mut room = Room { bytes: limit.min(cx.node.size("fetch.max.bytes")), empty: true };
    let (mut bytes, mut failed, mut stretches) = (0, false, Vec::new());
    let mut responses = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let known = cx.node.topics.borrow();
        let by_id = cx.version >= 13;
        let topic = if by_id { known.by_id(asked.topic_id) } else { known.get(&asked.topic) };
        drop(known);
        let partitions = asked.partitions.iter().map(|wanted| {
            let missing = match (&topic, by_id) {
                (None, true) => ResponseError::UnknownTopicId,
                _ => ResponseError::UnknownTopicOrPartition,
            };
            let found = topic
                .as_ref()
                .and_then(|topic| topic.partitions.get(usize::try_from(wanted.partition).ok()?));
            let read = match found {
                Some(partition) => one(partition, wanted, committed, &mut room),
                None => Err(missing),
            };
            let (data, found) = read.unwrap_or_else(|error| {
                failed = true;
                (refused(wanted.partition, error), Found::Few(Bytes::new()))
            });
            bytes += found.len();
            match found {
                Found::Few(records) => data.with_records(Some(records)),
                Found::Many(stretch) => {
                    stretches.push(stretch);
                    data.with_records(None)
                }
            }
        });
        let partitions = partitions.collect();
        responses.push(
            FetchableTopicResponse::default()
                .with_topic(asked.topic.clone())
                .with_topic_id(asked.topic_id)
                .with_partitions(partitions),
        );
    }
    let response = FetchResponse::default().with_responses(responses);
    (Fetched { response, stretches }, bytes, failed)
}

/// What one partition has, without its records, and these.
fn one(
    partition: &Partition,
    wanted: &FetchPartition,
    committed: bool,
    room: &mut Room,
) -> Result<(PartitionData, Found), ResponseError> {
    super::check_epoch(wanted.current_leader_epoch)?;
    let log = partition.log.borrow();
    let from = wanted.fetch_offset;
    if from < log.start() || from > log.end() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let to = if committed { log.stable_end() } else { log.end() };
    let limit = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(room.bytes);
    let mut found = Found::Few(Bytes::new());
    if from < to && (limit > 0 || room.empty) {
        found = log.find(from, to, limit).map_err(|error| {
            let (topic, partition) = (&*partition.topic, partition.index);
            tracing::error!(%error, ?topic, partition, "the disk did not give what was asked for");
            ResponseError::KafkaStorageError
        })?;
        if found.len() > limit && !room.empty {
            found = Found::Few(Bytes::new());
        }
        room.empty &= found.len() == 0;
        room.bytes = room.bytes.saturating_sub(found.len());
    }
    let aborted = committed.then(|| {
        let between = log.aborted.between(from, found.next().unwrap_or(from + 1));
        let aborted = between.map(|ended| {
            AbortedTransaction::default()
                .with_producer_id(ProducerId(ended.producer))
                .with_first_offset(ended.first_offset)
        });
        aborted.collect()
    });
    let data = PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_high_watermark(log.end())
        .with_last_stable_offset(log.stable_end())
        .with_log_start_offset(log.start())
        .with_aborted_transactions(aborted);
    Ok((data, found))
}

fn refused(partition: i32, error: ResponseError) -> PartitionData {
    PartitionData::default()
        .with_partition_index(partition)
        .with_error_code(code(error))
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
}
