//! OffsetDelete: what nobody reads can be forgotten.

use crate::ask::group::{Member, subscription};
use crate::ask::topic::{Place, Topic};
use crate::said::{Said, group_id, said, topic_name};
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    GroupIdNotFound, GroupSubscribedToTopic, NonEmptyGroup, UnknownTopicOrPartition,
};
use kafka_protocol::messages::OffsetDeleteRequest;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};

fn delete(k: &mut Talk, group: &str, place: impl Into<Place>) -> Said {
    let place = place.into();
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(place.partition);
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(group_id(group));
    let answer = k.ask(0, &request.with_topics(vec![topic]));
    said(answer.error_code)?;
    said(answer.topics[0].partitions[0].error_code)
}

/// A member whose metadata says that it reads this topic.
fn reader(k: &mut Talk, topic: &Topic) -> Member {
    let metadata = subscription(&[&topic.name], "");
    let mut member = Member { metadata, ..Member::of(&k.group()) };
    k.enter(&mut member);
    member
}

conversation!(an_offset_is_forgotten, |k| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    let other = k.topic(1);
    k.commit(7, &nobody, &other, 1).expect("a commit");
    k.commit(7, &nobody, &topic, 7).expect("a commit");
    assert_eq!(delete(k, &nobody.group, &topic), Ok(()));
    assert_eq!(k.committed(&nobody.group, &topic), Ok((-1, String::new())));
    assert_eq!(k.committed(&nobody.group, &other), Ok((1, "note".to_owned())));
});

conversation!(an_unknown_group_has_nothing_to_forget, |k| {
    let (group, topic) = (k.group(), k.topic(1));
    assert_eq!(delete(k, &group, &topic), Err(GroupIdNotFound));
});

conversation!(what_a_member_reads_is_not_forgotten, |k| {
    let topic = k.topic(1);
    let member = reader(k, &topic);
    k.commit(7, &member, &topic, 7).expect("a commit");
    assert_eq!(delete(k, &member.group, &topic), Err(GroupSubscribedToTopic));
    assert_eq!(k.committed(&member.group, &topic), Ok((7, "note".to_owned())));
});

conversation!(what_no_member_reads_is_forgotten, |k| {
    let (topic, other) = (k.topic(1), k.topic(1));
    let member = reader(k, &topic);
    k.commit(7, &member, &other, 7).expect("a commit");
    assert_eq!(delete(k, &member.group, &other), Ok(()));
    assert_eq!(k.committed(&member.group, &other), Ok((-1, String::new())));
});

conversation!(members_of_another_kind_keep_their_offsets, |k| {
    let (group, topic) = (k.group(), k.topic(1));
    let mut member = Member { kind: "connect", ..Member::of(&group) };
    k.enter(&mut member);
    assert_eq!(delete(k, &group, &topic), Err(NonEmptyGroup));
});

conversation!(an_unknown_topic_has_nothing_to_forget, |k| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    k.commit(7, &nobody, &topic, 7).expect("a commit");
    let missing = Topic::missing(k);
    assert_eq!(delete(k, &nobody.group, &missing), Err(UnknownTopicOrPartition));
});
