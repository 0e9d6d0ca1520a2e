//! Committed offsets: commit and fetch.

use super::group::Member;
use super::topic::Place;
use crate::line::Line;
use crate::said::{Said, group_id, said, text, topic_name};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};

/// Versions from here on ask for several groups.
pub(crate) const GROUPS: i16 = 8;

pub(crate) fn commit(
    member: &Member,
    place: impl Into<Place>,
    offset: i64,
    metadata: &str,
) -> OffsetCommitRequest {
    let place = place.into();
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(place.partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group_id(&member.group))
        .with_generation_id_or_member_epoch(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.as_deref().map(text))
        .with_topics(vec![topic])
}

/// The offsets of a partition, or of all of them.
pub(crate) fn offsets(version: i16, group: &str, place: Option<&Place>) -> OffsetFetchRequest {
    let request = OffsetFetchRequest::default();
    if version < GROUPS {
        let topics = place.map(|place| {
            let topic = OffsetFetchRequestTopic::default().with_name(topic_name(&place.topic.name));
            vec![topic.with_partition_indexes(vec![place.partition])]
        });
        return request.with_group_id(group_id(group)).with_topics(topics);
    }
    let topics = place.map(|place| {
        let topic = OffsetFetchRequestTopics::default().with_name(topic_name(&place.topic.name));
        vec![topic.with_partition_indexes(vec![place.partition])]
    });
    let group = OffsetFetchRequestGroup::default().with_group_id(group_id(group));
    request.with_groups(vec![group.with_topics(topics)])
}

impl Line {
    pub(crate) fn commit(
        &mut self,
        version: i16,
        member: &Member,
        place: impl Into<Place>,
        offset: i64,
    ) -> Said {
        let answer = self.ask(version, &commit(member, place, offset, "note"));
        said(answer.topics[0].partitions[0].error_code)
    }

    /// Offset and metadata.
    pub(crate) fn committed(
        &mut self,
        group: &str,
        place: impl Into<Place>,
    ) -> Said<(i64, String)> {
        self.committed_in(5, group, place, false)
    }

    pub(crate) fn committed_in(
        &mut self,
        version: i16,
        group: &str,
        place: impl Into<Place>,
        require_stable: bool,
    ) -> Said<(i64, String)> {
        let request =
            offsets(version, group, Some(&place.into())).with_require_stable(require_stable);
        let answer = self.ask(version, &request);
        if version < GROUPS {
            said(answer.error_code)?;
            let found = &answer.topics[0].partitions[0];
            let note = found.metadata.as_deref().unwrap_or("null").to_owned();
            said(found.error_code).map(|()| (found.committed_offset, note))
        } else {
            said(answer.groups[0].error_code)?;
            let found = &answer.groups[0].topics[0].partitions[0];
            let note = found.metadata.as_deref().unwrap_or("null").to_owned();
            said(found.error_code).map(|()| (found.committed_offset, note))
        }
    }
}
