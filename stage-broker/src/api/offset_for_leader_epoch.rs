//! OffsetForLeaderEpoch: there has been one leader, in epoch 0, from the first record on.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName,
};

pub(super) async fn answer(
    cx: &mut Cx,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let end = EpochEndOffset::default().with_partition(asked.partition);
            match find(cx, &topic.topic, asked) {
                Ok((epoch, offset)) => end.with_leader_epoch(epoch).with_end_offset(offset),
                Err(error) => {
                    end.with_error_code(code(error)).with_leader_epoch(-1).with_end_offset(-1)
                }
            }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// The greatest epoch up to the one asked for, and where it ends; -1 and -1: there is none.
fn find(
    cx: &Cx,
    topic: &TopicName,
    asked: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ResponseError> {
    let partition = cx.node.topics.borrow().partition(topic, asked.partition);
    let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition)?;
    super::check_epoch(asked.current_leader_epoch)?;
    let end = partition.log.borrow().end();
    Ok(if asked.leader_epoch == 0 { (0, end) } else { (-1, -1) })
}
