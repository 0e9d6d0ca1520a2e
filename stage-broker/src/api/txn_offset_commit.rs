//! TxnOffsetCommit: offsets that take effect when their transaction is committed, if who commits
//! is still of the group's generation.

use super::offset_commit::checked;
use super::{Cx, code, who};
use crate::offsets::{At, Offset};
use crate::transaction::{Claim, Holds};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let all = check(cx, &request);
    let (mut topics, mut offsets) = (Vec::new(), Vec::new());
    for topic in request.topics {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let one = all.and_then(|()| one(cx, &topic.name, partition));
            let error = one.map(|offset| offsets.push(offset)).err().map_or(0, code);
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error)
        });
        let partitions = partitions.collect();
        topics.push(
            TxnOffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    let mut held = cx.node.hold_offsets(request.producer_id.0, &request.group_id, offsets);
    if held.is_ok() {
        held = cx.node.flush.settled().await;
    }
    if let Err(error) = held {
        tracing::error!(%error, "offsets of a transaction were not written down");
        let all = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in all.filter(|partition| partition.error_code == 0) {
            partition.error_code = code(ResponseError::CoordinatorNotAvailable);
        }
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

/// Whether the producer may, and the member.
fn check(cx: &Cx, request: &TxnOffsetCommitRequest) -> Result<(), ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    if !cx.node.has_room_for_group(&request.group_id) {
        return Err(ResponseError::PolicyViolation);
    }
    let claim = Claim { producer: request.producer_id.0, epoch: request.producer_epoch };
    let id = &request.transactional_id;
    let held = cx.node.transactions.holds(id, claim, Holds::Group(&request.group_id));
    held.map_err(|error| match error {
        ResponseError::ConcurrentTransactions => ResponseError::CoordinatorNotAvailable,
        other => other,
    })?;
    let instance = request.group_instance_id.clone();
    let who = who(&request.member_id, instance, request.generation_id);
    cx.node
        .step_group(&request.group_id, request.generation_id < 0, |group, now, _| {
            group.check_commit(&who, true, now)
        })
        .unwrap_or(Err(ResponseError::IllegalGeneration))
}

fn one(
    cx: &Cx,
    topic: &TopicName,
    partition: TxnOffsetCommitRequestPartition,
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
