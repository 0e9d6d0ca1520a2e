//! OffsetFetch: how far groups are. Whoever wants stable offsets is told where a transaction still
//! holds one.

use super::{Cx, code};
use crate::group::{FetchedOffset, FetchedTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

/// The partitions asked for, by topic; none: all.
type Wanted<'a> = Option<Vec<(&'a str, Vec<i32>)>>;

pub(super) async fn answer(cx: &mut Cx, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let mut found = find(cx, &request);
    // What is told must not be forgotten: whoever asks may go on from there.
    if let Err(error) = cx.node.settled().await {
        let all = found.iter_mut().flatten().flat_map(|topic| &mut topic.partitions);
        all.for_each(|partition| partition.refuse(error));
    }
    if cx.version >= 8 {
        let groups = request.groups.into_iter().zip(found).map(|(group, topics)| {
            let topics = topics.into_iter().map(|topic| {
                OffsetFetchResponseTopics::default()
                    .with_name(TopicName(StrBytes::from_string(topic.name)))
                    .with_partitions(topic.partitions.into_iter().map(grouped).collect())
            });
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id)
                .with_topics(topics.collect())
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = found.into_iter().flatten().map(|topic| {
        OffsetFetchResponseTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.name)))
            .with_partitions(topic.partitions.into_iter().map(single).collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// What each of the groups asked for has committed.
fn find(cx: &Cx, request: &OffsetFetchRequest) -> Vec<Vec<FetchedTopic>> {
    let groups = cx.node.groups.groups();
    let fetch = |group: &str, wanted: Wanted<'_>| {
        groups.fetch(group, wanted.as_deref(), request.require_stable)
    };
    if cx.version >= 8 {
        let fetched = request.groups.iter().map(|group| {
            let wanted = group.topics.as_ref().map(|topics| {
                topics.iter().map(|t| (t.name.as_str(), t.partition_indexes.clone())).collect()
            });
            fetch(&group.group_id, wanted)
        });
        return fetched.collect();
    }
    let wanted = request.topics.as_ref().map(|topics| {
        topics.iter().map(|t| (t.name.as_str(), t.partition_indexes.clone())).collect()
    });
    vec![fetch(&request.group_id, wanted)]
}

fn single(found: FetchedOffset) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition::default()
        .with_partition_index(found.partition)
        .with_committed_offset(found.offset)
        .with_committed_leader_epoch(found.leader_epoch)
        .with_metadata(Some(StrBytes::from_string(found.metadata)))
        .with_error_code(found.error.map_or(0, code))
}

fn grouped(found: FetchedOffset) -> OffsetFetchResponsePartitions {
    let single = single(found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(single.partition_index)
        .with_committed_offset(single.committed_offset)
        .with_committed_leader_epoch(single.committed_leader_epoch)
        .with_metadata(single.metadata)
        .with_error_code(single.error_code)
}
