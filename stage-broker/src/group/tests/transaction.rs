//! Offsets in transactions.

use super::*;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };

#[test]
fn they_take_effect_with_the_commit() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.commit(who(&one, 1), &[offset("t", 0, 5)]).unwrap();
    assert_eq!(desk.commit_in(7, who(&one, 1), &[offset("t", 0, 9)]), Ok(vec![Ok(())]));
    assert_eq!(desk.fetch("t", false), Ok(5), "whoever does not mind sees the old one");
    assert_eq!(desk.fetch("t", true), Err(ResponseError::UnstableOffsetCommit));
    desk.end(7, true);
    assert_eq!((desk.fetch("t", true), desk.fetch("t", false)), (Ok(9), Ok(9)));
}

#[test]
fn an_abort_forgets_them() {
    let mut desk = Desk::new();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    assert_eq!(desk.fetch("t", true), Err(ResponseError::UnstableOffsetCommit));
    desk.end(7, false);
    assert_eq!(desk.fetch("t", true), Ok(-1));
}

#[test]
fn only_what_is_in_a_transaction_is_unstable() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5), offset("u", 0, 6)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    assert_eq!(desk.fetch("u", true), Ok(6));
    let all = desk.groups.fetch("g", None, true);
    assert_eq!(all[0].partitions[0].error, Some(ResponseError::UnstableOffsetCommit));
    assert_eq!((all[1].partitions[0].error, all[1].partitions[0].offset), (None, 6));
}

#[test]
fn the_latest_of_a_transaction_counts_and_others_are_not_touched() {
    let mut desk = Desk::new();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 8)]).unwrap();
    desk.commit_in(8, NOBODY, &[offset("t", 0, 3)]).unwrap();
    desk.end(7, true);
    assert_eq!((desk.fetch("t", false), desk.fetch("t", true).is_err()), (Ok(8), true));
    desk.end(8, false);
    assert_eq!(desk.fetch("t", true), Ok(8));
}

#[test]
fn what_was_committed_later_stays() {
    let mut desk = Desk::new();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    desk.commit(NOBODY, &[offset("t", 0, 4)]).unwrap();
    desk.restart();
    desk.end(7, true);
    assert_eq!(desk.fetch("t", true), Ok(4));
}

#[test]
fn zombies_are_refused() {
    let mut desk = Desk::new();
    let gone = desk.commit_in(7, who("x", 1), &[offset("t", 0, 9)]);
    assert_eq!(gone, Err(ResponseError::GroupIdNotFound));
    let one = desk.alone();
    for (who, error) in [
        (who("x", 1), ResponseError::UnknownMemberId),
        (who(&one, 0), ResponseError::IllegalGeneration),
        (who(&one, -1), ResponseError::IllegalGeneration),
    ] {
        assert_eq!(desk.commit_in(7, who, &[offset("t", 0, 9)]), Err(error));
    }
    assert!(desk.groups.open.is_empty());
}

#[test]
fn clients_too_old_to_say_who_they_are_commit_into_any_group() {
    let mut desk = Desk::new();
    desk.alone();
    assert_eq!(desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]), Ok(vec![Ok(())]));
}

#[test]
fn while_the_leader_assigns_members_commit_in_transactions() {
    let mut desk = Desk::new();
    let token = desk.join(joining(""));
    let one = desk.joined(token).member;
    assert_eq!(desk.commit_in(7, who(&one, 1), &[offset("t", 0, 9)]), Ok(vec![Ok(())]));
}

#[test]
fn they_need_a_group_with_a_name() {
    let mut desk = Desk::new();
    let commit = Commit { group: "", who: NOBODY, retention: None, offsets: &[] };
    let step = desk.groups.commit_in_transaction(desk.now, 7, &commit);
    assert_eq!(desk.follow(step), Err(ResponseError::InvalidGroupId));
}

#[test]
fn a_producer_may_have_offsets_in_several_groups() {
    let mut desk = Desk::new();
    for group in ["a", "b"] {
        let commit = Commit { group, who: NOBODY, retention: None, offsets: &[offset("t", 0, 9)] };
        let step = desk.groups.commit_in_transaction(desk.now, 7, &commit);
        desk.follow(step).unwrap();
    }
    desk.end(7, true);
    desk.end(7, true);
    for group in ["a", "b"] {
        assert_eq!(desk.groups.fetch(group, None, true)[0].partitions[0].offset, 9);
    }
}

#[test]
fn an_open_transaction_survives_a_restart_and_then_ends() {
    for commit in [true, false] {
        let mut desk = Desk::new();
        desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
        desk.restart();
        assert_eq!(desk.fetch("t", true), Err(ResponseError::UnstableOffsetCommit));
        desk.end(7, commit);
        desk.restart();
        assert_eq!(desk.fetch("t", true), Ok(if commit { 9 } else { -1 }));
        assert!(desk.groups.open.is_empty());
    }
}
