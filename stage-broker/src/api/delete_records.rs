//! DeleteRecords: those before an offset can no longer be read.

use super::{Cx, code};
use crate::log::retention;
use crate::partition::Partition;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

pub(super) async fn answer(cx: &mut Cx, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let found = cx.node.topics.borrow().partition(&topic.name, asked.partition_index);
            let mut deleted = match found {
                Some(partition) => delete(cx, &partition, asked.offset),
                None => Err(ResponseError::UnknownTopicOrPartition),
            };
            if cx.node.flush.settled().await.is_err() {
                deleted = Err(ResponseError::KafkaStorageError);
            }
            let result =
                DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            partitions.push(match deleted {
                Ok(start) => result.with_low_watermark(start),
                Err(error) => result.with_low_watermark(-1).with_error_code(code(error)),
            });
        }
        let result = DeleteRecordsTopicResult::default().with_name(topic.name);
        topics.push(result.with_partitions(partitions));
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

/// Remembers the new start, then takes away what is before it. -1: all there is.
fn delete(cx: &Cx, partition: &Partition, offset: i64) -> Result<i64, ResponseError> {
    let mut log = partition.log.borrow_mut();
    if !log.settings.delete {
        return Err(ResponseError::PolicyViolation);
    }
    let offset = if offset == -1 { log.end() } else { offset };
    if offset < 0 || offset > log.end() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    if offset > log.start() {
        let remembered = partition.remember_start(&cx.node, offset);
        remembered.map_err(|_| ResponseError::KafkaStorageError)?;
        let gone = log.delete_before(offset);
        cx.node.chores.add(move || retention::remove(gone));
    }
    Ok(log.start())
}
