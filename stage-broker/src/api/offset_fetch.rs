//! OffsetFetch: how far groups are. Whoever wants stable offsets is told where a transaction still
//! holds one.

use super::{Cx, code};
use crate::offsets::{At, Offset};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// The partitions asked for, by topic; none: all.
type Wanted = Option<Vec<(TopicName, Vec<i32>)>>;

/// A partition's answer.
struct Found {
    index: i32,
    offset: Result<Option<Offset>, ResponseError>,
}

pub(super) async fn answer(cx: &mut Cx, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if cx.version >= 8 {
        let groups = request.groups.into_iter().map(|group| {
            let wanted = group.topics.map(|topics| {
                topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect()
            });
            let topics =
                find(cx, &group.group_id, wanted, stable).into_iter().map(|(name, all)| {
                    OffsetFetchResponseTopics::default()
                        .with_name(name)
                        .with_partitions(all.into_iter().map(grouped).collect())
                });
            OffsetFetchResponseGroup::default()
                .with_topics(topics.collect())
                .with_group_id(group.group_id)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let wanted = request.topics.map(|topics| {
        topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect()
    });
    let topics = find(cx, &request.group_id, wanted, stable).into_iter().map(|(name, all)| {
        OffsetFetchResponseTopic::default()
            .with_name(name)
            .with_partitions(all.into_iter().map(single).collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn find(cx: &Cx, group: &str, wanted: Wanted, stable: bool) -> Vec<(TopicName, Vec<Found>)> {
    let offsets = cx.node.offsets.borrow();
    let find = |at: &At| Found {
        index: at.1,
        offset: if stable && offsets.is_pending(group, at) {
            Err(ResponseError::UnstableOffsetCommit)
        } else {
            Ok(offsets.get(group, at).cloned())
        },
    };
    if let Some(wanted) = wanted {
        let topics = wanted.into_iter().map(|(topic, indexes)| {
            let name = topic.to_string();
            let found = indexes.into_iter().map(|index| find(&(name.clone(), index)));
            let found = found.collect();
            (topic, found)
        });
        return topics.collect();
    }
    let mut topics: BTreeMap<&str, Vec<Found>> = BTreeMap::new();
    for (at, _) in offsets.of(group) {
        topics.entry(&at.0).or_default().push(find(at));
    }
    let named = topics
        .into_iter()
        .map(|(name, found)| (TopicName(StrBytes::from_string(name.to_owned())), found));
    named.collect()
}

fn single(found: Found) -> OffsetFetchResponsePartition {
    let partition = OffsetFetchResponsePartition::default()
        .with_partition_index(found.index)
        .with_committed_offset(-1)
        .with_committed_leader_epoch(-1)
        .with_metadata(Some(StrBytes::default()));
    match found.offset {
        Ok(None) => partition,
        Ok(Some(offset)) => partition
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_metadata(Some(StrBytes::from_string(offset.metadata))),
        Err(error) => partition.with_error_code(code(error)),
    }
}

fn grouped(found: Found) -> OffsetFetchResponsePartitions {
    let single = single(found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(single.partition_index)
        .with_committed_offset(single.committed_offset)
        .with_committed_leader_epoch(single.committed_leader_epoch)
        .with_metadata(single.metadata)
        .with_error_code(single.error_code)
}
