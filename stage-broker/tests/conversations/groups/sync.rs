//! SyncGroup: the leader assigns, the others wait for it.

use crate::ask::group::{Member, assigned};
use crate::said::{said, text};
use kafka_protocol::ResponseError::{
    IllegalGeneration, InconsistentGroupProtocol, RebalanceInProgress, UnknownMemberId,
};
use std::time::Duration;

conversation!(the_leader_gets_what_it_assigns_to_itself, [0, 1, 3, 4], |k, v| {
    let mut member = Member::of(&k.group());
    k.join(&mut member);
    let answer = k.ask(v, &member.syncing(&[(&member, "all")]));
    assert_eq!(assigned(&answer), Ok("all".to_owned()));
    assert_eq!(k.sync(&member), Ok("all".to_owned()));
});

conversation!(a_follower_waits_for_the_leader, |k| {
    let group = k.group();
    let (mut one, mut other) = (k.line(), k.line());
    let (mut leader, mut follower) = (Member::of(&group), Member::of(&group));
    one.enter(&mut leader);
    let joining = other.start_joining(&mut follower);
    one.until_rebalance(&leader);
    one.join(&mut leader);
    other.finish_joining(&mut follower, joining);
    let syncing = other.send(3, &follower.syncing(&[]));
    assert!(other.is_silent(Duration::from_millis(100)));
    one.ask(3, &leader.syncing(&[(&follower, "some")]));
    assert_eq!(assigned(&other.answer(syncing)), Ok("some".to_owned()));
    assert_eq!(one.sync(&leader), Ok(String::new()));
});

conversation!(an_unknown_member_cannot_sync, [0, 3, 4], |k, v| {
    let member = k.member().with_id("nobody");
    assert_eq!(assigned(&k.ask(v, &member.syncing(&[]))), Err(UnknownMemberId));
    let elsewhere = Member { group: k.name("group"), ..member };
    assert_eq!(assigned(&k.ask(v, &elsewhere.syncing(&[]))), Err(UnknownMemberId));
});

conversation!(another_generation_cannot_sync, [0, 3, 4], |k, v| {
    let member = k.member();
    for generation in [0, 2] {
        let member = member.clone().in_generation(generation);
        assert_eq!(assigned(&k.ask(v, &member.syncing(&[]))), Err(IllegalGeneration));
    }
});

conversation!(nobody_syncs_while_others_join, [0, 3, 4], |k, v| {
    let member = k.member();
    let mut other = k.line();
    other.start_joining(&mut Member::of(&member.group));
    k.until_rebalance(&member);
    assert_eq!(assigned(&k.ask(v, &member.syncing(&[]))), Err(RebalanceInProgress));
});

conversation!(the_protocol_is_said_again, [5], |k, v| {
    let member = k.member();
    let sync = member.syncing(&[]).with_protocol_type(Some(text("consumer")));
    let answer = k.ask(v, &sync.clone().with_protocol_name(Some(text("range"))));
    assert_eq!(assigned(&answer), Ok("all".to_owned()));
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    let answer = k.ask(v, &sync.with_protocol_name(Some(text("sticky"))));
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
});

conversation!(the_protocol_must_be_said_again, [5], |k, v| {
    let member = k.member();
    let answer = k.ask(v, &member.syncing(&[]));
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
});

conversation!(who_is_not_assigned_anything_gets_nothing, |k| {
    let mut member = Member::of(&k.group());
    k.join(&mut member);
    let answer = k.ask(3, &member.syncing(&[]));
    assert_eq!(assigned(&answer), Ok(String::new()));
    k.until_group(&member.group, "Stable");
});

conversation!(a_rebalance_ends_the_wait_of_a_follower, |k| {
    let group = k.group();
    let (mut one, mut other) = (k.line(), k.line());
    let (mut leader, mut follower) = (Member::of(&group), Member::of(&group));
    one.enter(&mut leader);
    let joining = other.start_joining(&mut follower);
    one.until_rebalance(&leader);
    one.join(&mut leader);
    other.finish_joining(&mut follower, joining);
    let syncing = other.send(3, &follower.syncing(&[]));
    assert_eq!(one.leave(&leader), Ok(()));
    assert_eq!(assigned(&other.answer(syncing)), Err(RebalanceInProgress));
});
