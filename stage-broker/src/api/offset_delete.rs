//! OffsetDelete: offsets of topics that nobody in the group reads.

use super::places::{self, Places};
use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

pub(super) async fn answer(cx: &mut Cx, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let named = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index))
    });
    let places = places::look(cx, named);
    let deleted = delete(cx, &request.group_id, &places).await;
    if let Err(error) = deleted {
        return OffsetDeleteResponse::default().with_error_code(code(error));
    }
    let mut codes = places::codes(&places, deleted).into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(&mut codes).map(|(partition, error)| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        OffsetDeleteResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

async fn delete(
    cx: &Cx,
    group: &str,
    places: &Places<'_>,
) -> Result<Vec<Result<(), ResponseError>>, ResponseError> {
    let known = places.iter().filter(|(_, _, known)| *known);
    let partitions: Vec<_> = known.map(|(topic, index, _)| (topic.as_str(), *index)).collect();
    let deleted =
        cx.node.step_groups(|groups, now| groups.delete_offsets(now, group, &partitions))??;
    cx.node.settled().await?;
    Ok(deleted)
}
