//! OffsetCommit: by members, and by those who are in no group.

use crate::ask::group::Member;
use crate::ask::offsets::commit;
use crate::ask::topic::Topic;
use crate::said::said;
use kafka_protocol::ResponseError::{
    GroupIdNotFound, IllegalGeneration, OffsetMetadataTooLarge, RebalanceInProgress,
    UnknownMemberId, UnknownTopicOrPartition,
};

const VERSIONS: [i16; 4] = [2, 5, 7, 9];

conversation!(a_member_commits, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    assert_eq!(k.commit(v, &member, &topic, 7), Ok(()));
    assert_eq!(k.committed(&member.group, &topic), Ok((7, "note".to_owned())));
});

conversation!(a_later_commit_counts, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    assert_eq!(k.commit(v, &member, &topic, 7), Ok(()));
    assert_eq!(k.commit(v, &member, &topic, 3), Ok(()));
    assert_eq!(k.committed(&member.group, &topic), Ok((3, "note".to_owned())));
});

conversation!(a_simple_consumer_commits, VERSIONS, |k, v| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    assert_eq!(k.commit(v, &nobody, &topic, 7), Ok(()));
    assert_eq!(k.committed(&nobody.group, &topic), Ok((7, "note".to_owned())));
    k.until_group(&nobody.group, "Empty");
});

conversation!(a_simple_consumer_does_not_commit_for_members, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let nobody = Member::of(&member.group);
    assert_eq!(k.commit(v, &nobody, &topic, 7), Err(UnknownMemberId));
});

conversation!(an_older_generation_cannot_commit, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    for generation in [0, 2] {
        let member = member.clone().in_generation(generation);
        assert_eq!(k.commit(v, &member, &topic, 7), Err(IllegalGeneration));
    }
    assert_eq!(k.committed(&member.group, &topic), Ok((-1, String::new())));
});

conversation!(an_unknown_member_cannot_commit, VERSIONS, |k, v| {
    let (member, topic) = (k.member().with_id("nobody"), k.topic(1));
    assert_eq!(k.commit(v, &member, &topic, 7), Err(UnknownMemberId));
});

conversation!(a_member_of_an_unknown_group_cannot_commit, [2, 5, 8], |k, v| {
    let (group, topic) = (k.group(), k.topic(1));
    let member = Member::of(&group).with_id("nobody").in_generation(3);
    assert_eq!(k.commit(v, &member, &topic, 7), Err(IllegalGeneration));
});

conversation!(a_member_of_an_unknown_group_is_told_so, [9], |k, v| {
    let (group, topic) = (k.group(), k.topic(1));
    let member = Member::of(&group).with_id("nobody").in_generation(3);
    assert_eq!(k.commit(v, &member, &topic, 7), Err(GroupIdNotFound));
});

conversation!(a_group_without_a_name_takes_offsets_of_nobody, VERSIONS, |k, v| {
    k.group();
    let topic = k.topic(1);
    assert_eq!(k.commit(v, &Member::of(""), &topic, 7), Ok(()));
    let member = Member::of("").with_id("nobody").in_generation(1);
    assert_eq!(k.commit(v, &member, &topic, 7), Err(UnknownMemberId));
});

conversation!(nobody_commits_between_join_and_sync, VERSIONS, |k, v| {
    let (mut member, topic) = (Member::of(&k.group()), k.topic(1));
    k.join(&mut member);
    assert_eq!(k.commit(v, &member, &topic, 7), Err(RebalanceInProgress));
});

conversation!(while_others_join_a_member_may_commit, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let mut other = k.line();
    other.start_joining(&mut Member::of(&member.group));
    k.until_rebalance(&member);
    assert_eq!(k.commit(v, &member, &topic, 7), Ok(()));
});

conversation!(an_unknown_topic_cannot_be_committed, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let missing = Topic::missing(k);
    assert_eq!(k.commit(v, &member, &missing, 7), Err(UnknownTopicOrPartition));
    assert_eq!(k.commit(v, &member, (&topic, 9), 7), Err(UnknownTopicOrPartition));
});

conversation!(metadata_has_a_limit, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let answer = k.ask(v, &commit(&member, &topic, 7, &"x".repeat(4097)));
    assert_eq!(said(answer.topics[0].partitions[0].error_code), Err(OffsetMetadataTooLarge));
    let answer = k.ask(v, &commit(&member, &topic, 7, &"x".repeat(4096)));
    assert_eq!(said(answer.topics[0].partitions[0].error_code), Ok(()));
});

conversation!(one_bad_partition_does_not_spoil_the_commit, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let mut request = commit(&member, &topic, 7, "note");
    let missing = commit(&member, &Topic::missing(k), 7, "note").topics.remove(0);
    request.topics.push(missing);
    let answer = k.ask(v, &request);
    let mut codes: Vec<_> = answer.topics.iter().map(|t| t.partitions[0].error_code).collect();
    codes.sort();
    assert_eq!(codes, [0, 3]);
    assert_eq!(k.committed(&member.group, &topic), Ok((7, "note".to_owned())));
});

conversation!(nothing_to_commit_is_answered, VERSIONS, |k, v| {
    let (member, topic) = (k.member(), k.topic(1));
    let mut request = commit(&member, &topic, 7, "note");
    request.topics.clear();
    assert_eq!(k.ask(v, &request).topics.len(), 0);
});
