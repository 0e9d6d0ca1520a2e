//! What happens to those who are late: sessions, rebalances, ids that nobody uses.

use crate::ask::group::Member;
use crate::said::said;
use kafka_protocol::ResponseError::{RebalanceInProgress, UnknownMemberId};

conversation!(a_silent_member_is_removed, |k| {
    let mut member = Member::of(&k.group()).patient(1_000, 30_000);
    k.enter(&mut member);
    k.until_group(&member.group, "Empty");
    assert_eq!(k.heartbeat(3, &member), Err(UnknownMemberId));
});

conversation!(heartbeats_keep_a_member, |k| {
    let group = k.group();
    let silent = Member::of(&group).patient(1_000, 30_000);
    let [(mut one, first), _] = k.pair(Member::of(&group).patient(1_000, 30_000), silent);
    // The silent one is removed in the meantime.
    one.until_rebalance(&first);
    assert_eq!(one.heartbeat(3, &first), Err(RebalanceInProgress));
    let mut first = first;
    assert_eq!(one.join(&mut first).members.len(), 1);
});

conversation!(a_member_that_does_not_join_again_is_removed, |k| {
    let group = k.group();
    let slow = Member::of(&group).patient(30_000, 500);
    let [_, (mut two, mut second)] = k.pair(slow.clone(), slow);
    second = second.noting("other");
    let answer = two.join(&mut second);
    assert_eq!((answer.generation_id, answer.members.len()), (3, 1));
    assert_eq!(&*answer.leader, second.id);
});

conversation!(a_leader_that_does_not_sync_is_removed, |k| {
    let group = k.group();
    let (mut one, mut two) = (k.line(), k.line());
    let slow = Member::of(&group).patient(30_000, 500);
    let (mut leader, mut follower) = (slow.clone(), slow);
    one.enter(&mut leader);
    let joining = two.start_joining(&mut follower);
    one.until_rebalance(&leader);
    one.join(&mut leader);
    two.finish_joining(&mut follower, joining);
    assert_eq!(two.sync(&follower), Err(RebalanceInProgress));
    assert_eq!(one.heartbeat(3, &leader), Err(UnknownMemberId));
});

conversation!(an_id_that_nobody_joins_with_is_forgotten, |k| {
    let member = Member::of(&k.group()).patient(1_000, 30_000);
    let id = k.ask(5, &member.joining()).member_id.to_string();
    let member = member.with_id(&id);
    // Leaving tells without joining whether the id is known, but forgets it too: so wait first.
    let mut other = Member::of(&member.group).patient(1_000, 30_000);
    k.enter(&mut other);
    k.until_group(&member.group, "Empty");
    assert_eq!(said(k.ask(5, &member.joining()).error_code), Err(UnknownMemberId));
});

conversation!(a_connection_may_end_and_the_member_stays, |k| {
    let mut member = Member::of(&k.group());
    let mut line = k.line();
    line.enter(&mut member);
    drop(line);
    assert_eq!(k.heartbeat(3, &member), Ok(()));
});

conversation!(the_longest_rebalance_time_out_counts, |k| {
    let group = k.group();
    let (short, long) =
        (Member::of(&group).patient(30_000, 300), Member::of(&group).patient(30_000, 1_200));
    let [_, (mut two, mut second)] = k.pair(short, long);
    second = second.noting("other");
    let since = std::time::Instant::now();
    two.join(&mut second);
    assert!(since.elapsed().as_millis() >= 1_000);
});
