//! OffsetCommit: how far a group is, said by a member, or by anybody if nobody is in it.

use super::{Cx, code, who};
use crate::offsets::{At, Offset};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse, TopicName};

pub(super) async fn answer(cx: &mut Cx, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let all = check(cx, &request);
    let (mut topics, mut offsets) = (Vec::new(), Vec::new());
    for topic in request.topics {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let one = all.and_then(|()| one(cx, &topic.name, partition));
            let error = one.map(|offset| offsets.push(offset)).err().map_or(0, code);
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error)
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    let mut stored = cx.node.commit_offsets(&request.group_id, offsets);
    if stored.is_ok() {
        stored = cx.node.flush.settled().await;
    }
    if let Err(error) = stored {
        tracing::error!(%error, "offsets were not committed");
        let all = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in all.filter(|partition| partition.error_code == 0) {
            partition.error_code = code(ResponseError::CoordinatorNotAvailable);
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// Whether who commits may do so.
fn check(cx: &Cx, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    let generation = request.generation_id_or_member_epoch;
    if request.group_id.is_empty() && generation >= 0 {
        return Err(ResponseError::InvalidGroupId);
    }
    if !cx.node.has_room_for_group(&request.group_id) {
        return Err(ResponseError::PolicyViolation);
    }
    let who = who(&request.member_id, request.group_instance_id.clone(), generation);
    // Anybody can begin a group by committing; nobody can go on in one that is not there.
    cx.node
        .step_group(&request.group_id, generation < 0, |group, now, _| {
            group.check_commit(&who, false, now)
        })
        .unwrap_or(Err(ResponseError::IllegalGeneration))
}

fn one(
    cx: &Cx,
    topic: &TopicName,
    partition: OffsetCommitRequestPartition,
) -> Result<(At, Offset), ResponseError> {
    let index = partition.partition_index;
    let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
    checked(cx, topic, index, metadata)?;
    let offset = Offset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: metadata.to_owned(),
        at: cx.node.now(),
    };
    Ok(((topic.to_string(), index), offset))
}

/// Whether an offset can be kept for this partition.
pub(super) fn checked(
    cx: &Cx,
    topic: &TopicName,
    index: i32,
    metadata: &str,
) -> Result<(), ResponseError> {
    if cx.node.topics.borrow().partition(topic, index).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    if metadata.len() > cx.node.size("offset.metadata.max.bytes") {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    Ok(())
}
