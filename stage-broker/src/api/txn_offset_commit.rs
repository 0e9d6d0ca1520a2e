//! TxnOffsetCommit: offsets that take effect when their transaction is committed, if who commits
//! is still of the group's generation.

use super::places::{self, Places};
use super::{Cx, who};
use crate::group::{Commit, NewOffset};
use crate::transaction::Producer;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let named = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index))
    });
    let places = places::look(cx, named);
    let mut codes = places::codes(&places, commit(cx, &request, &places).await).into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(&mut codes).map(|(partition, error)| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

async fn commit(
    cx: &Cx,
    request: &TxnOffsetCommitRequest,
    places: &Places<'_>,
) -> Result<Vec<Result<(), ResponseError>>, ResponseError> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let known = places.iter().zip(partitions).filter(|((_, _, known), _)| *known);
    let offsets = known.map(|((topic, index, _), partition)| NewOffset {
        topic,
        partition: *index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref(),
    });
    let offsets: Vec<_> = offsets.collect();
    if offsets.is_empty() {
        return Ok(Vec::new());
    }
    let group = &*request.group_id;
    if !cx.node.has_room_for_group(group) {
        return Err(ResponseError::PolicyViolation);
    }
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let instance = request.group_instance_id.as_ref();
    let commit = Commit {
        group,
        who: who(&request.member_id, instance, request.generation_id),
        retention: None,
        offsets: &offsets,
    };
    if group.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    check(cx, &request.transactional_id, producer, group)?;
    let step = |groups: &mut crate::group::Groups, now| {
        groups.commit_in_transaction(now, producer.id, &commit)
    };
    let committed = cx.node.step_groups(step)?;
    cx.node.settled().await?;
    committed.map_err(|error| match error {
        ResponseError::GroupIdNotFound => ResponseError::IllegalGeneration,
        other => other,
    })
}

/// Whether the producer may commit this group's offsets now.
fn check(cx: &Cx, id: &str, producer: Producer, group: &str) -> Result<(), ResponseError> {
    let held = cx.node.transactions.transactions().holds_group(id, producer, group);
    held.map_err(|error| match error {
        ResponseError::TransactionAbortable if cx.version < 4 => ResponseError::InvalidTxnState,
        other => other,
    })
}
