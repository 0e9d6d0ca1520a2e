//! ListOffsets: the first offset, the last, or one by time.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use std::collections::BTreeMap;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub(super) async fn answer(cx: &mut Cx, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level == 1;
    let topics = request.topics.into_iter().map(|topic| {
        // A partition that is asked for twice gets one answer, which says so.
        let mut asked: BTreeMap<i32, (ListOffsetsPartition, bool)> = BTreeMap::new();
        for partition in topic.partitions {
            let entry = asked.entry(partition.partition_index);
            entry.and_modify(|(_, once)| *once = false).or_insert((partition, true));
        }
        let partitions = asked.into_iter().map(|(index, (asked, once))| {
            let response = ListOffsetsPartitionResponse::default().with_partition_index(index);
            let found = match once {
                true => find(cx, &topic.name, &asked, committed),
                false => Err(ResponseError::InvalidRequest),
            };
            match found {
                Ok((offset, time)) => response
                    .with_offset(offset)
                    .with_timestamp(time)
                    .with_leader_epoch(if offset < 0 || cx.version < 4 { -1 } else { 0 }),
                Err(error) => response
                    .with_error_code(code(error))
                    .with_offset(-1)
                    .with_timestamp(-1)
                    .with_leader_epoch(-1),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// The offset, and the timestamp of its record if time was asked for; -1 and -1: there is none.
fn find(
    cx: &Cx,
    topic: &TopicName,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> Result<(i64, i64), ResponseError> {
    let since = match asked.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        _ => 0,
    };
    if cx.version < since {
        return Err(ResponseError::UnsupportedVersion);
    }
    let partition = cx.node.topics.borrow().partition(topic, asked.partition_index);
    let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition)?;
    super::check_epoch(asked.current_leader_epoch)?;
    let log = partition.log.borrow();
    let end = if committed { log.stable_end() } else { log.end() };
    let by_time = match asked.timestamp {
        LATEST => return Ok((end, -1)),
        EARLIEST | EARLIEST_LOCAL => return Ok((log.start(), -1)),
        LATEST_TIERED => return Ok((-1, -1)),
        MAX_TIMESTAMP => log.latest_by_time(),
        time if time >= 0 => log.first_since(time),
        _ => return Err(ResponseError::UnsupportedVersion),
    };
    let found = by_time.map_err(|_| ResponseError::KafkaStorageError)?;
    Ok(found.filter(|(offset, _)| *offset < end).unwrap_or((-1, -1)))
}
