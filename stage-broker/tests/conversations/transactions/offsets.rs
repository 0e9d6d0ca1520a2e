//! TxnOffsetCommit: offsets that take effect with their transaction.

use crate::ask::fetch::Fetch;
use crate::ask::group::Member;
use crate::ask::topic::Topic;
use crate::ask::transaction::{END, commit_in};
use crate::said::{said, text};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{
    FencedInstanceId, IllegalGeneration, InvalidProducerEpoch, OffsetMetadataTooLarge,
    UnknownMemberId, UnknownTopicOrPartition,
};

const VERSIONS: [i16; 4] = [0, 2, 3, 4];

/// Versions that tell who commits.
const TELLING: [i16; 2] = [3, 4];

fn until_committed(k: &mut Talk, group: &str, topic: &Topic, offset: i64) {
    let wanted = Ok((offset, "note".to_owned()));
    until("the offset", || (k.committed(group, topic) == wanted).then_some(()));
}

conversation!(offsets_are_committed_with_the_transaction, VERSIONS, |k, v| {
    let (nobody, topic, transaction) = (Member::of(&k.group()), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &nobody, &topic, 5), Ok(()));
    assert_eq!(k.committed(&nobody.group, &topic), Ok((-1, String::new())));
    k.finish(&transaction, true);
    until_committed(k, &nobody.group, &topic, 5);
});

conversation!(offsets_are_aborted_with_the_transaction, VERSIONS, |k, v| {
    let (nobody, topic, transaction) = (Member::of(&k.group()), k.topic(1), k.transaction());
    assert_eq!(k.commit(7, &nobody, &topic, 1), Ok(()));
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &nobody, &topic, 5), Ok(()));
    k.finish(&transaction, false);
    until("stable offsets", || k.committed_in(7, &nobody.group, &topic, true).ok());
    until_committed(k, &nobody.group, &topic, 1);
});

conversation!(a_member_commits_within_a_transaction, TELLING, |k, v| {
    let (member, topic, transaction) = (k.member(), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &member, &topic, 5), Ok(()));
    k.finish(&transaction, true);
    until_committed(k, &member.group, &topic, 5);
});

conversation!(a_stale_generation_is_fenced, TELLING, |k, v| {
    let (member, topic, transaction) = (k.member(), k.topic(1), k.transaction());
    let mut next = member.clone();
    k.join(&mut next);
    assert_eq!(next.generation, 2);
    k.sync(&next).expect("a sync");
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &member, &topic, 5), Err(IllegalGeneration));
    assert_eq!(k.commit_in(v, &transaction, &next, &topic, 5), Ok(()));
});

conversation!(an_unknown_member_is_fenced, TELLING, |k, v| {
    let (member, topic, transaction) = (k.member(), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    let stranger = member.with_id("nobody");
    assert_eq!(k.commit_in(v, &transaction, &stranger, &topic, 5), Err(UnknownMemberId));
});

conversation!(a_former_instance_is_fenced, TELLING, |k, v| {
    let (topic, transaction) = (k.topic(1), k.transaction());
    let mut member = Member::of(&k.group()).named("instance");
    k.enter(&mut member);
    k.join(&mut member.clone().with_id(""));
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &member, &topic, 5), Err(FencedInstanceId));
});

conversation!(who_does_not_tell_is_not_fenced, VERSIONS, |k, v| {
    let (member, topic, transaction) = (k.member(), k.topic(1), k.transaction());
    let nobody = Member::of(&member.group);
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &nobody, &topic, 5), Ok(()));
});

conversation!(a_member_of_an_unknown_group_is_fenced, TELLING, |k, v| {
    let (group, topic, transaction) = (k.group(), k.topic(1), k.transaction());
    let member = Member::of(&group).with_id("nobody").in_generation(3);
    assert_eq!(k.add_offsets(3, &transaction, &group), Ok(()));
    assert_eq!(k.commit_in(v, &transaction, &member, &topic, 5), Err(IllegalGeneration));
});

conversation!(a_fenced_producer_commits_no_offsets, VERSIONS, |k, v| {
    let (nobody, topic, former) = (Member::of(&k.group()), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &former, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(v, &former, &nobody, &topic, 5), Ok(()));
    let next = k.takeover(&former);
    assert_eq!(k.add_offsets(3, &next, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(v, &next, &nobody, &topic, 6), Ok(()));
    assert_eq!(k.commit_in(v, &former, &nobody, &topic, 5), Err(InvalidProducerEpoch));
    assert_eq!(k.end(END, &next, true), Ok(()));
    until_committed(k, &nobody.group, &topic, 6);
});

conversation!(an_unknown_topic_has_no_offset, VERSIONS, |k, v| {
    let (nobody, transaction) = (Member::of(&k.group()), k.transaction());
    let missing = Topic::missing(k);
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    let said = k.commit_in(v, &transaction, &nobody, &missing, 5);
    assert_eq!(said, Err(UnknownTopicOrPartition));
});

conversation!(metadata_has_a_limit_here_too, VERSIONS, |k, v| {
    let (nobody, topic, transaction) = (Member::of(&k.group()), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    let mut request = commit_in(&transaction, &nobody, &topic, 5);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"x".repeat(4097)));
    let answer = k.ask(v, &request);
    let code = answer.topics[0].partitions[0].error_code;
    assert_eq!(said(code), Err(OffsetMetadataTooLarge));
});

conversation!(records_and_offsets_are_one, |k| {
    let (member, input, output) = (k.member(), k.topic(1), k.topic(1));
    let transaction = k.transaction();
    k.write(&transaction, &output, 0, &["result"]);
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(3, &transaction, &member, &input, 1), Ok(()));
    k.finish(&transaction, true);
    until_committed(k, &member.group, &input, 1);
    let fetch = Fetch::from(&output, 0).committed();
    assert_eq!(k.fetch(12, &fetch).expect("a fetch").values(), ["result"]);
});

conversation!(a_group_with_undecided_offsets_alone_is_not_forgotten, |k| {
    let (nobody, topic, transaction) = (Member::of(&k.group()), k.topic(1), k.transaction());
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(3, &transaction, &nobody, &topic, 5), Ok(()));
    k.until_group(&nobody.group, "Empty");
});

conversation!(the_later_of_two_transactions_counts, |k| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    let (one, other) = (k.transaction(), k.transaction());
    for (transaction, offset) in [(&one, 5), (&other, 3)] {
        assert_eq!(k.add_offsets(3, transaction, &nobody.group), Ok(()));
        assert_eq!(k.commit_in(3, transaction, &nobody, &topic, offset), Ok(()));
    }
    k.finish(&other, true);
    until("the offset", || (k.committed(&nobody.group, &topic).ok()?.0 >= 0).then_some(()));
    k.finish(&one, true);
    until("stable offsets", || k.committed_in(7, &nobody.group, &topic, true).ok());
    assert_eq!(k.committed(&nobody.group, &topic), Ok((3, "note".to_owned())));
});
