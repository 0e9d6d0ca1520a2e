//! OffsetFetch: one partition, all of them, several groups, and offsets that are not decided yet.

use crate::ask::group::Member;
use crate::ask::offsets::{GROUPS, offsets};
use crate::ask::topic::Topic;
use crate::ask::transaction::Transaction;
use crate::said::said;
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::UnstableOffsetCommit;

const VERSIONS: [i16; 5] = [1, 3, 6, 8, 9];

conversation!(a_committed_offset_is_fetched, VERSIONS, |k, v| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    assert_eq!(k.commit(7, &nobody, &topic, 7), Ok(()));
    let found = k.committed_in(v, &nobody.group, &topic, false);
    assert_eq!(found, Ok((7, "note".to_owned())));
});

conversation!(nothing_committed_is_minus_one, VERSIONS, |k, v| {
    let (group, topic) = (k.group(), k.topic(1));
    let nothing = Ok((-1, String::new()));
    assert_eq!(k.committed_in(v, &group, &topic, false), nothing);
    let member = k.member();
    assert_eq!(k.committed_in(v, &member.group, &topic, false), nothing);
    let missing = Topic::missing(k);
    assert_eq!(k.committed_in(v, &member.group, &missing, false), nothing);
});

conversation!(all_offsets_are_fetched, [2, 5, 7], |k, v| {
    let (nobody, one, other) = (Member::of(&k.group()), k.topic(2), k.topic(1));
    assert_eq!(k.commit(7, &nobody, (&one, 1), 7), Ok(()));
    assert_eq!(k.commit(7, &nobody, &other, 9), Ok(()));
    let answer = k.ask(v, &offsets(v, &nobody.group, None));
    let topics = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let mut found: Vec<_> = topics.map(|p| (p.partition_index, p.committed_offset)).collect();
    found.sort();
    assert_eq!(found, [(0, 9), (1, 7)]);
});

conversation!(all_offsets_of_several_groups_are_fetched, [8, 9], |k, v| {
    let (one, other) = (Member::of(&k.group()), Member::of(&k.group()));
    let topic = k.topic(1);
    assert_eq!(k.commit(7, &one, &topic, 7), Ok(()));
    assert_eq!(k.commit(7, &other, &topic, 9), Ok(()));
    let mut request = offsets(v, &one.group, None);
    request.groups.extend(offsets(v, &other.group, None).groups);
    let answer = k.ask(v, &request);
    let found = answer
        .groups
        .iter()
        .map(|group| (group.group_id.to_string(), group.topics[0].partitions[0].committed_offset));
    assert_eq!(found.collect::<Vec<_>>(), [(one.group, 7), (other.group, 9)]);
});

conversation!(an_unknown_group_has_no_offsets, [2, 5, 7], |k, v| {
    let group = k.group();
    let answer = k.ask(v, &offsets(v, &group, None));
    assert_eq!((said(answer.error_code), answer.topics.len()), (Ok(()), 0));
});

conversation!(the_leader_epoch_is_kept, [5, 7, 8], |k, v| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    let mut request = crate::ask::offsets::commit(&nobody, &topic, 7, "");
    request.topics[0].partitions[0].committed_leader_epoch = 3;
    k.ask(6, &request);
    let answer = k.ask(v, &offsets(v, &nobody.group, Some(&(&topic).into())));
    let epoch = match v >= GROUPS {
        true => answer.groups[0].topics[0].partitions[0].committed_leader_epoch,
        false => answer.topics[0].partitions[0].committed_leader_epoch,
    };
    assert_eq!(epoch, 3);
});

/// Offset 1 is committed, offset 5 is in an open transaction.
fn undecided(k: &mut Talk) -> (Member, Topic, Transaction) {
    let (member, topic) = (Member::of(&k.group()), k.topic(1));
    let transaction = k.transaction();
    assert_eq!(k.commit(7, &member, &topic, 1), Ok(()));
    assert_eq!(k.add_offsets(3, &transaction, &member.group), Ok(()));
    assert_eq!(k.commit_in(3, &transaction, &member, &topic, 5), Ok(()));
    (member, topic, transaction)
}

conversation!(an_undecided_offset_is_not_fetched, VERSIONS, |k, v| {
    let (member, topic, transaction) = undecided(k);
    let found = k.committed_in(v, &member.group, &topic, false);
    assert_eq!(found, Ok((1, "note".to_owned())));
    k.finish(&transaction, true);
    until("the offset", || {
        (k.committed_in(v, &member.group, &topic, false) == Ok((5, "note".to_owned())))
            .then_some(())
    });
});

conversation!(whoever_wants_stable_offsets_is_told_to_wait, [7, 8, 9], |k, v| {
    let (member, topic, transaction) = undecided(k);
    let found = k.committed_in(v, &member.group, &topic, true);
    assert_eq!(found, Err(UnstableOffsetCommit));
    k.finish(&transaction, true);
    until("the offset", || k.committed_in(v, &member.group, &topic, true).ok());
    let found = k.committed_in(v, &member.group, &topic, true);
    assert_eq!(found, Ok((5, "note".to_owned())));
});

conversation!(an_aborted_offset_is_stable_again, [7, 8, 9], |k, v| {
    let (member, topic, transaction) = undecided(k);
    k.finish(&transaction, false);
    until("the offset", || k.committed_in(v, &member.group, &topic, true).ok());
    let found = k.committed_in(v, &member.group, &topic, true);
    assert_eq!(found, Ok((1, "note".to_owned())));
});

conversation!(other_partitions_are_stable, [7, 9], |k, v| {
    let (member, _, _) = undecided(k);
    let other = k.topic(1);
    assert_eq!(k.committed_in(v, &member.group, &other, true), Ok((-1, String::new())));
});
