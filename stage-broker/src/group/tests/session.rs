//! Heartbeats, and members that fall silent.

use super::*;

#[test]
fn heartbeats_keep_a_member() {
    let mut desk = Desk::new();
    let one = desk.alone();
    for _ in 0..10 {
        desk.pass(9_999);
        assert_eq!(desk.heartbeat(&one, 1), Ok(()));
    }
}

#[test]
fn silence_of_one_session_timeout_is_the_end_of_a_member() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.pass(9_999);
    assert_eq!(desk.state(), Some(State::Stable));
    desk.pass(1);
    assert_eq!(desk.state(), Some(State::Empty));
    assert_eq!(desk.heartbeat(&one, 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn when_one_falls_silent_the_others_rebalance() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    desk.pass(6_000);
    desk.heartbeat(&two, 2).unwrap();
    desk.pass(4_000);
    assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::RebalanceInProgress));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::UnknownMemberId));
    let token = desk.join(joining(&two));
    assert_eq!((desk.joined(token).generation, desk.joined(token).leader), (3, two));
}

#[test]
fn who_waits_for_others_is_not_silent() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    let waiting = desk.join(joining(&one));
    for _ in 0..6 {
        desk.pass(8_000);
        assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::RebalanceInProgress));
    }
    assert!(desk.waits(waiting));
    desk.join(joining(&two));
    assert_eq!(desk.joined(waiting).generation, 3);
}

#[test]
fn a_session_begins_with_the_answer() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.pass(8_000);
    desk.join(joining(""));
    desk.join(joining(&one));
    desk.pass(8_000);
    assert_eq!(desk.heartbeat(&one, 2), Ok(()));
}

#[test]
fn strangers_and_the_past_are_refused() {
    let mut desk = Desk::new();
    assert_eq!(desk.heartbeat("x", 1), Err(ResponseError::UnknownMemberId));
    let one = desk.alone();
    assert_eq!(desk.heartbeat("x", 1), Err(ResponseError::UnknownMemberId));
    assert_eq!(desk.heartbeat(&one, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::IllegalGeneration));
    let nameless = desk.groups.heartbeat(desk.now, "", &who(&one, 1));
    assert_eq!(nameless, Err(ResponseError::InvalidGroupId));
}

#[test]
fn a_heartbeat_of_the_past_does_not_keep_a_member() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.pass(6_000);
    desk.heartbeat(&one, 0).unwrap_err();
    desk.pass(4_000);
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn while_the_leader_assigns_heartbeats_are_fine() {
    let mut desk = Desk::new();
    let token = desk.join(joining(""));
    let one = desk.joined(token).member;
    assert_eq!(desk.heartbeat(&one, 1), Ok(()));
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.pass(6_000);
    desk.commit(who(&one, 1), &[offset("t", 0, 5)]).unwrap();
    desk.pass(6_000);
    assert_eq!(desk.heartbeat(&one, 1), Ok(()));
}
