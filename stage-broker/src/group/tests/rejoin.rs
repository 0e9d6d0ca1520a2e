//! Members that come back.

use super::*;

#[test]
fn a_new_member_makes_all_come_back() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    assert!(desk.waits(second));
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
    assert_eq!(desk.heartbeat(&one, 1), Err(ResponseError::RebalanceInProgress));
    let first = desk.join(joining(&one));
    assert_eq!(desk.joined(first).generation, 2);
    assert_eq!(desk.joined(second).generation, 2);
}

#[test]
fn who_does_not_come_back_in_time_is_out() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    for _ in 0..12 {
        desk.heartbeat(&one, 1).unwrap_err();
        desk.pass(4_999);
    }
    assert!(desk.waits(second), "59,988 ms");
    desk.pass(12);
    let joined = desk.joined(second);
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
    assert_eq!(joined.leader, joined.member, "the leader was not there: another leads");
    assert_eq!(desk.heartbeat(&one, 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn the_longest_rebalance_timeout_counts() {
    let mut desk = Desk::new();
    let first = desk.join(Join { session_timeout: 400_000, ..joining("") });
    let one = desk.joined(first).member;
    desk.sync(&one, 1, &[]);
    let second = desk.join(Join { rebalance_timeout: 90_000, ..joining("") });
    desk.pass(89_999);
    assert!(desk.waits(second));
    desk.pass(1);
    assert!(!desk.waits(second));
}

#[test]
fn a_follower_with_nothing_new_disturbs_nobody() {
    let mut desk = Desk::new();
    let (_, two) = desk.two();
    let token = desk.join(joining(&two));
    let joined = desk.joined(token);
    assert_eq!((joined.generation, joined.members.len()), (2, 0));
    assert_eq!(desk.state(), Some(State::Stable));
}

#[test]
fn the_leader_coming_back_means_a_rebalance() {
    let mut desk = Desk::new();
    let (one, _) = desk.two();
    let token = desk.join(joining(&one));
    assert!(desk.waits(token));
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
}

#[test]
fn a_follower_with_a_new_subscription_means_a_rebalance() {
    let mut desk = Desk::new();
    let (_, two) = desk.two();
    let token = desk.join(Join { protocols: vec![protocol("range", &["u"])], ..joining(&two) });
    assert!(desk.waits(token));
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
}

#[test]
fn who_missed_the_answer_while_the_leader_assigns_gets_it_again() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let (again, leader) = (desk.join(joining(&two)), desk.join(joining(&one)));
    assert_eq!((desk.joined(again).generation, desk.joined(again).members.len()), (2, 0));
    assert_eq!((desk.joined(leader).generation, desk.joined(leader).members.len()), (2, 2));
    assert_eq!(desk.state(), Some(State::CompletingRebalance));
}

#[test]
fn a_new_subscription_while_the_leader_assigns_begins_again() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let waiting = desk.sync(&one, 1, &[]);
    assert_eq!(desk.synced(waiting), Err(ResponseError::IllegalGeneration));
    let changed = desk.join(Join { protocols: vec![protocol("range", &["u"])], ..joining(&two) });
    assert!(desk.waits(changed));
    let late = desk.sync(&one, 2, &[(&one, "old")]);
    assert_eq!(desk.synced(late), Err(ResponseError::RebalanceInProgress));
    desk.join(joining(&one));
    assert_eq!(desk.joined(changed).generation, 3);
}

#[test]
fn who_asks_twice_is_answered_twice() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.join(joining(""));
    let (other, fourth) = (desk.join(joining("")), desk.join(joining("")));
    let early = desk.join(joining(&one));
    assert!(!desk.waits(other) && !desk.waits(fourth) && !desk.waits(early));
    let two = desk.joined(other).member;
    let (early, late) = {
        desk.join(joining(""));
        (desk.join(joining(&two)), desk.join(joining(&two)))
    };
    assert_eq!(desk.join_refused(early).0, ResponseError::RebalanceInProgress);
    assert!(desk.waits(late));
}
