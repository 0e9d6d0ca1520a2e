//! Offsets and groups that nobody uses.

use super::*;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };
const RETENTION: Time = 7 * 24 * 3_600_000;
const CHECK: Time = 600_000;

#[test]
fn without_members_the_time_counts_from_the_commit() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    desk.pass(RETENTION / 2);
    desk.commit(NOBODY, &[offset("u", 0, 6)]).unwrap();
    desk.pass(RETENTION / 2 + CHECK);
    assert_eq!((desk.fetch("t", false), desk.fetch("u", false)), (Ok(-1), Ok(6)));
    desk.pass(RETENTION / 2);
    assert_eq!((desk.state(), desk.written.len()), (None, 0), "and then the group goes");
}

#[test]
fn once_there_were_members_it_counts_from_the_last_ones_leave() {
    let mut desk = Desk::new();
    let token = desk.join(Join { session_timeout: 1_800_000, ..joining("") });
    let one = desk.joined(token).member;
    desk.sync(&one, 1, &[]);
    desk.commit(who(&one, 1), &[offset("t", 0, 5)]).unwrap();
    for _ in 0..RETENTION / 1_000_000 + 1 {
        desk.pass(1_000_000);
        desk.heartbeat(&one, 1).unwrap();
    }
    assert_eq!(desk.fetch("t", false), Ok(5), "in use");
    desk.leave(&one).unwrap();
    desk.pass(RETENTION - CHECK);
    desk.restart();
    assert_eq!(desk.fetch("t", false), Ok(5), "a restart does not change that");
    desk.pass(2 * CHECK + 1);
    assert_eq!(desk.fetch("t", false), Ok(-1));
}

#[test]
fn in_a_stable_group_only_topics_that_nobody_consumes_expire() {
    let mut desk = Desk::new();
    let token = desk.join(Join { session_timeout: 1_800_000, ..joining("") });
    let one = desk.joined(token).member;
    desk.sync(&one, 1, &[]);
    desk.commit(who(&one, 1), &[offset("t", 0, 5), offset("u", 0, 6)]).unwrap();
    for _ in 0..RETENTION / 1_000_000 + 2 {
        desk.pass(1_000_000);
        desk.heartbeat(&one, 1).unwrap();
    }
    assert_eq!((desk.fetch("t", false), desk.fetch("u", false)), (Ok(5), Ok(-1)));
}

#[test]
fn what_a_transaction_is_about_to_change_does_not_expire() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    desk.pass(RETENTION + CHECK);
    assert_eq!(desk.fetch("t", false), Ok(5));
}

#[test]
fn old_clients_say_how_long_an_offset_is_kept() {
    let mut desk = Desk::new();
    for (group, retention) in [("short", CHECK), ("long", 2 * RETENTION)] {
        let offsets = &[offset("t", 0, 5)];
        let commit = Commit { group, who: NOBODY, retention: Some(retention), offsets };
        let step = desk.groups.commit(desk.now, &commit);
        desk.follow(step).unwrap();
    }
    desk.pass(CHECK);
    assert!(!desk.groups.contains("short"));
    desk.pass(RETENTION + CHECK);
    assert!(desk.groups.contains("long"));
}

#[test]
fn a_group_without_offsets_goes_when_it_is_empty() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.leave(&one).unwrap();
    assert_eq!(desk.state(), Some(State::Empty));
    desk.pass(CHECK);
    assert_eq!((desk.state(), desk.written.len()), (None, 0));
}
