//! What survives `kill -9`.

use super::*;

#[test]
fn members_keep_their_generation_and_their_assignment() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    let before = desk.groups.describe("g");
    desk.restart();
    assert_eq!(desk.groups.describe("g"), before);
    assert_eq!((desk.heartbeat(&one, 2), desk.heartbeat(&two, 2)), (Ok(()), Ok(())));
    assert!(desk.commit(who(&one, 2), &[offset("t", 0, 5)]).is_ok());
    let synced = desk.sync(&two, 2, &[]);
    assert_eq!(desk.synced(synced), Ok(owned("two's")));
    let token = desk.join(joining(&two));
    assert_eq!(desk.joined(token).leader, one);
}

#[test]
fn they_have_one_session_to_show_up() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    desk.pass(9_000);
    desk.restart();
    desk.pass(9_000);
    desk.heartbeat(&two, 2).unwrap();
    desk.pass(1_000);
    assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::RebalanceInProgress));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_rebalance_under_way_is_forgotten_and_begins_again() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    desk.join(joining(&one));
    desk.join(joining(&two));
    assert_eq!(desk.state(), Some(State::CompletingRebalance));
    desk.restart();
    assert_eq!(desk.state(), Some(State::Stable));
    assert_eq!(desk.heartbeat(&one, 3), Err(ResponseError::IllegalGeneration));
    let token = desk.join(joining(&one));
    desk.join(joining(&two));
    assert_eq!(desk.joined(token).generation, 3);
}

#[test]
fn an_instance_is_known_again() {
    let mut desk = Desk::new();
    let token = desk.join(Join { instance: Some("i".into()), ..joining("") });
    let one = desk.joined(token).member;
    desk.sync(&one, 1, &[(&one, "a")]);
    desk.restart();
    let token = desk.join(Join { instance: Some("i".into()), ..joining("") });
    assert_eq!(desk.joined(token).generation, 1, "no rebalance");
    assert_ne!(desk.joined(token).member, one);
}

#[test]
fn generations_go_on_after_all_have_left() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.leave(&one).unwrap();
    desk.restart();
    assert_eq!(desk.state(), Some(State::Empty));
    let token = desk.join(joining(""));
    assert_eq!(desk.joined(token).generation, 3);
}

#[test]
fn a_group_whose_first_member_never_came_is_empty() {
    let mut desk = Desk::new();
    desk.join(Join { requires_member_id: true, ..joining("") });
    desk.restart();
    assert_eq!(desk.state(), Some(State::Empty));
}
