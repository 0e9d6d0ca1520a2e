//! OffsetCommit: how far a group is, said by a member, or by anybody if nobody is in it.

use super::places::{self, Places};
use super::{Cx, who};
use crate::group::{Commit, NewOffset};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

pub(super) async fn answer(cx: &mut Cx, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let named = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index))
    });
    let places = places::look(cx, named);
    let mut codes = places::codes(&places, commit(cx, &request, &places).await).into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(&mut codes).map(|(partition, error)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

async fn commit(
    cx: &Cx,
    request: &OffsetCommitRequest,
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
    if !cx.node.has_room_for_group(&request.group_id) {
        return Err(ResponseError::PolicyViolation);
    }
    let (instance, generation) =
        (request.group_instance_id.as_ref(), request.generation_id_or_member_epoch);
    let commit = Commit {
        group: &request.group_id,
        who: who(&request.member_id, instance, generation),
        retention: Some(request.retention_time_ms).filter(|retention| *retention != -1),
        offsets: &offsets,
    };
    let committed = cx.node.step_groups(|groups, now| groups.commit(now, &commit))?;
    cx.node.settled().await?;
    committed.map_err(|error| match error {
        ResponseError::GroupIdNotFound if cx.version < 9 => ResponseError::IllegalGeneration,
        other => other,
    })
}
