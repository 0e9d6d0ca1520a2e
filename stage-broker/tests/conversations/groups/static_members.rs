//! Static members: an instance comes back without a rebalance, and fences its former self.

use crate::ask::group::{Member, assigned};
use crate::ask::topic::Topic;
use crate::said::said;
use crate::talk::Talk;
use kafka_protocol::ResponseError::{FencedInstanceId, UnknownMemberId};
use kafka_protocol::messages::JoinGroupResponse;
use std::time::Duration;

/// A group of the instance "instance" alone.
fn instance(k: &mut Talk) -> Member {
    let mut member = Member::of(&k.group()).named("instance");
    k.enter(&mut member);
    member
}

/// The instance again, as a process that just started.
fn again(k: &mut Talk, version: i16, member: &Member) -> (JoinGroupResponse, Member) {
    let mut next = member.clone().with_id("");
    let answer = k.ask(version, &next.joining());
    next.joined(&answer);
    (answer, next)
}

conversation!(an_instance_needs_no_id, [5, 7, 9], |k, v| {
    let member = Member::of(&k.group()).named("instance");
    let answer = k.ask(v, &member.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Ok(()), 1));
    assert!(answer.member_id.starts_with("instance-"), "{}", answer.member_id);
    assert_eq!(answer.members[0].group_instance_id.as_deref(), Some("instance"));
});

conversation!(an_instance_comes_back_without_a_rebalance, [5, 7, 9], |k, v| {
    let member = instance(k);
    let (answer, next) = again(k, v, &member);
    assert_eq!(answer.generation_id, member.generation);
    assert_ne!(next.id, member.id);
    assert_eq!(k.sync(&next), Ok("all".to_owned()));
    k.until_group(&member.group, "Stable");
});

conversation!(a_leader_that_comes_back_is_not_asked_to_assign, [5, 8], |k, v| {
    let member = instance(k);
    let (answer, next) = again(k, v, &member);
    assert_eq!((&*answer.leader, answer.members.len()), (&*member.id, 0));
    assert_ne!(&*answer.leader, next.id);
});

conversation!(a_leader_that_comes_back_is_told_to_skip_the_assignment, [9], |k, v| {
    let member = instance(k);
    let (answer, next) = again(k, v, &member);
    assert_eq!((&*answer.leader, answer.skip_assignment), (&*next.id, true));
    assert_eq!(answer.members.len(), 1);
});

conversation!(a_follower_that_comes_back_is_not_noticed, |k| {
    let group = k.group();
    let follower = Member::of(&group).named("instance");
    let [(mut one, leader), (_, follower)] = k.pair(Member::of(&group), follower);
    let (answer, next) = again(k, 5, &follower);
    assert_eq!(answer.generation_id, follower.generation);
    assert_eq!(k.sync(&next), Ok("second".to_owned()));
    assert_eq!(one.heartbeat(3, &leader), Ok(()));
});

conversation!(the_former_self_is_fenced, |k| {
    let member = instance(k);
    let topic = k.topic(1);
    again(k, 5, &member);
    assert_eq!(k.heartbeat(3, &member), Err(FencedInstanceId));
    assert_eq!(k.sync(&member), Err(FencedInstanceId));
    assert_eq!(k.commit(7, &member, &topic, 1), Err(FencedInstanceId));
    assert_eq!(k.leave(&member), Err(FencedInstanceId));
    assert_eq!(said(k.ask(5, &member.joining()).error_code), Err(FencedInstanceId));
});

conversation!(the_former_id_without_the_instance_is_unknown, |k| {
    let member = instance(k);
    again(k, 5, &member);
    let nameless = Member { instance: None, ..member };
    assert_eq!(k.heartbeat(3, &nameless), Err(UnknownMemberId));
});

conversation!(an_instance_that_changed_starts_a_rebalance, |k| {
    let group = k.group();
    let second = Member::of(&group).named("instance").speaking(&["range", "sticky"]);
    let [(mut one, first), (_, second)] =
        k.pair(Member::of(&group).speaking(&["range", "sticky"]), second);
    let mut next = second.with_id("").speaking(&["sticky", "range"]).noting("other");
    let (mut line, mut first) = (k.line(), first);
    let joining = line.send(5, &next.joining());
    one.until_rebalance(&first);
    assert_eq!(one.join(&mut first).generation_id, 3);
    assert_eq!(line.finish_joining(&mut next, joining).generation_id, 3);
});

conversation!(a_wait_to_join_ends_when_the_instance_comes_back, |k| {
    let first = k.member();
    let (mut one, mut other) = (k.line(), k.line());
    let second = Member::of(&first.group).named("instance");
    let waiting = one.send(5, &second.joining());
    k.until_rebalance(&first);
    other.send(5, &second.joining());
    assert_eq!(said(one.answer(waiting).error_code), Err(FencedInstanceId));
});

conversation!(a_wait_to_sync_ends_when_the_instance_comes_back, |k| {
    let group = k.group();
    let (mut one, mut two) = (k.line(), k.line());
    let mut leader = Member::of(&group);
    let mut follower = Member::of(&group).named("instance");
    one.enter(&mut leader);
    let joining = two.start_joining(&mut follower);
    one.until_rebalance(&leader);
    one.join(&mut leader);
    two.finish_joining(&mut follower, joining);
    let syncing = two.send(3, &follower.syncing(&[]));
    assert!(two.is_silent(Duration::from_millis(50)));
    k.send(5, &follower.with_id("").joining());
    assert_eq!(assigned(&two.answer(syncing)), Err(FencedInstanceId));
});

conversation!(another_id_for_an_instance_is_fenced, [5, 9], |k, v| {
    let member = instance(k);
    let stranger = member.clone().with_id("stranger");
    assert_eq!(said(k.ask(v, &stranger.joining()).error_code), Err(FencedInstanceId));
    assert_eq!(k.heartbeat(3, &stranger), Err(FencedInstanceId));
    assert_eq!(k.heartbeat(3, &member), Ok(()));
});

conversation!(an_unknown_instance_is_unknown, |k| {
    let member = instance(k).named("stranger");
    assert_eq!(k.heartbeat(3, &member), Err(UnknownMemberId));
    assert_eq!(said(k.ask(5, &member.joining()).error_code), Err(UnknownMemberId));
});

conversation!(an_instance_that_stays_away_is_removed, |k| {
    let mut member = Member::of(&k.group()).named("instance").patient(1_000, 30_000);
    k.enter(&mut member);
    k.until_group(&member.group, "Empty");
    let (answer, _) = again(k, 5, &member);
    assert!(answer.generation_id > member.generation);
});

conversation!(an_instance_commits_by_its_name, |k| {
    let (member, topic) = (instance(k), k.topic(1));
    assert_eq!(k.commit(7, &member, &topic, 5), Ok(()));
    let missing = Topic::missing(k);
    assert!(k.commit(7, &member, &missing, 5).is_err());
    assert_eq!(k.committed(&member.group, &topic), Ok((5, "note".to_owned())));
});
