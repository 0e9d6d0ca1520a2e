//! Records that could not be written.

use super::*;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };
const ERROR: ResponseError = ResponseError::CoordinatorNotAvailable;

#[test]
fn an_offset_that_was_not_written_was_not_committed() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    let offsets = [offset("t", 0, 6), offset("t", 0, 7), offset("u", 0, 8)];
    let commit = Commit { group: "g", who: NOBODY, retention: None, offsets: &offsets };
    let step = desk.groups.commit(desk.now, &commit);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!((desk.fetch("t", false), desk.fetch("u", false)), (Ok(5), Ok(-1)));
    let step = desk.groups.commit_in_transaction(desk.now, 7, &commit);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!(desk.fetch("t", true), Ok(5));
}

#[test]
fn a_transaction_that_could_not_end_is_still_open() {
    let mut desk = Desk::new();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 5)]).unwrap();
    let step = desk.groups.end_transaction(desk.now, 7, true);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!((desk.fetch("t", false), desk.fetch("t", true).is_err()), (Ok(-1), true));
    desk.end(7, true);
    assert_eq!(desk.fetch("t", true), Ok(5));
}

#[test]
fn a_group_that_could_not_be_deleted_is_there() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("u", 0, 6)]).unwrap();
    let step = desk.groups.delete("g");
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    desk.end(7, true);
    assert_eq!((desk.fetch("t", false), desk.fetch("u", true)), (Ok(5), Ok(6)));
}

#[test]
fn an_assignment_that_was_not_written_is_not_told_and_the_group_begins_again() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let follower = desk.sync(&two, 2, &[]);
    let sync = Sync {
        group: "g",
        who: who(&one, 2),
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    };
    desk.tokens += 1;
    let step = desk.groups.sync(desk.now, desk.tokens, sync);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!((desk.synced(follower), desk.synced(desk.tokens)), (Err(ERROR), Err(ERROR)));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::RebalanceInProgress));
    desk.join(joining(&one));
    let token = desk.join(joining(&two));
    assert_eq!(desk.joined(token).generation, 3);
}

#[test]
fn who_could_not_leave_is_still_there_and_leaves_when_asked_again() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let leaving = [Leaving { member: &one, instance: None }];
    let step = desk.groups.leave(desk.now, "g", &leaving);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!((desk.state(), desk.heartbeat(&one, 1)), (Some(State::Stable), Ok(())));
    assert_eq!(desk.leave(&one), Ok(()));
    assert_eq!(desk.state(), Some(State::Empty));
    desk.restart();
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn who_waits_while_it_cannot_leave_waits_no_more() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    let waiting = desk.join(joining(&one));
    let leaving = [&one, &two].map(|member| Leaving { member, instance: None });
    let step = desk.groups.leave(desk.now, "g", &leaving);
    let again = desk.groups.not_written(desk.now, step, ERROR);
    desk.follow(again);
    assert_eq!(desk.join_refused(waiting).0, ResponseError::UnknownMemberId);
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::RebalanceInProgress));
    // Nobody is told twice.
    desk.pass(120_000);
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn an_instance_that_could_not_be_replaced_is_not_fenced() {
    let mut desk = Desk::new();
    let instance = || Join { instance: Some("i".into()), ..joining("") };
    let token = desk.join(instance());
    let old = desk.joined(token).member;
    let synced = desk.sync(&old, 1, &[(&old, "all")]);
    assert_eq!(desk.synced(synced), Ok(owned("all")));
    desk.broken = true;
    let token = desk.join(instance());
    assert_eq!(desk.join_refused(token).0, ERROR);
    desk.broken = false;
    let as_instance = Who { member: &old, instance: Some("i"), generation: 1 };
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance), Ok(()));
    let token = desk.join(instance());
    let new = desk.joined(token).member;
    assert_ne!(new, old);
    desk.restart();
    let as_instance = Who { member: &new, instance: Some("i"), generation: 1 };
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance), Ok(()));
}
