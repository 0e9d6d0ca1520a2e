//! `group.initial.rebalance.delay.ms`.

use super::*;

fn patient() -> Desk {
    Desk::with(Settings { initial_rebalance_delay: 3_000, ..Settings::default() })
}

#[test]
fn an_empty_group_waits_for_more_members() {
    let mut desk = patient();
    let first = desk.join(joining(""));
    desk.pass(2_999);
    assert!(desk.waits(first));
    desk.pass(1);
    assert_eq!(desk.joined(first).generation, 1);
}

#[test]
fn each_that_comes_prolongs_the_wait_once() {
    let mut desk = patient();
    let first = desk.join(joining(""));
    desk.pass(1_000);
    let second = desk.join(joining(""));
    desk.pass(4_999);
    assert!(desk.waits(first) && desk.waits(second));
    desk.pass(1);
    assert_eq!(desk.joined(first).members.len() + desk.joined(second).members.len(), 2);
    assert_eq!(desk.joined(second).generation, 1);
}

#[test]
fn it_is_not_prolonged_beyond_the_rebalance_timeout() {
    let mut desk = patient();
    let first = desk.join(Join { rebalance_timeout: 7_000, ..joining("") });
    for _ in 0..6 {
        desk.pass(1_000);
        desk.join(Join { rebalance_timeout: 7_000, ..joining("") });
    }
    assert!(desk.waits(first));
    desk.pass(1_000);
    assert!(!desk.waits(first), "7,000 ms");
}

#[test]
fn later_rebalances_do_not_wait() {
    let mut desk = patient();
    let first = desk.join(joining(""));
    desk.pass(3_000);
    let one = desk.joined(first).member;
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    assert_eq!(desk.joined(second).generation, 2);
}

#[test]
fn a_member_lost_in_the_wait_does_not_end_it() {
    let mut desk = patient();
    let token = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(token);
    let waiting = desk.join(joining(&id));
    desk.leave(&id).unwrap();
    assert_eq!(desk.join_refused(waiting).0, ResponseError::UnknownMemberId);
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
    desk.pass(3_000);
    assert_eq!(desk.state(), Some(State::Empty));
}
