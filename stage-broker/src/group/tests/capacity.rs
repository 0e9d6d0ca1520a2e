//! `group.max.size`.

use super::*;

fn small() -> Desk {
    Desk::with(Settings { max_size: 2, ..Settings::default() })
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut desk = small();
    let (one, two) = desk.two();
    let third = desk.join(joining(""));
    assert_eq!(desk.join_refused(third), (ResponseError::GroupMaxSizeReached, String::new()));
    assert_eq!((desk.heartbeat(&one, 2), desk.heartbeat(&two, 2)), (Ok(()), Ok(())));
}

#[test]
fn who_was_given_an_id_but_comes_late_goes_again_and_nobody_waits_for_it() {
    let mut desk = small();
    let one = desk.alone();
    let token = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(token);
    let (second, first) = (desk.join(joining("")), desk.join(joining(&one)));
    assert!(desk.waits(first) && desk.waits(second));
    let late = desk.join(joining(&id));
    assert_eq!(desk.join_refused(late).0, ResponseError::GroupMaxSizeReached);
    assert_eq!((desk.joined(first).generation, desk.joined(second).generation), (2, 2));
}

#[test]
fn in_a_rebalance_the_first_to_join_are_in() {
    let mut desk = small();
    let (one, two) = desk.two();
    desk.leave(&one).unwrap();
    let new = desk.join(joining(""));
    assert!(desk.waits(new));
    desk.leave(&two).unwrap();
    assert_eq!(desk.joined(new).members.len(), 1);
}

#[test]
fn a_member_of_a_full_group_comes_back_all_the_same() {
    let mut desk = small();
    let (one, two) = desk.two();
    let (first, second) = (desk.join(joining(&one)), desk.join(joining(&two)));
    assert_eq!((desk.joined(first).generation, desk.joined(second).generation), (3, 3));
}

#[test]
fn a_group_above_a_new_limit_rebalances_when_the_broker_starts() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    desk.groups.settings.max_size = 1;
    desk.restart();
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::RebalanceInProgress));
    let (first, second) = (desk.join(joining(&two)), desk.join(joining(&one)));
    assert_eq!(desk.join_refused(second).0, ResponseError::GroupMaxSizeReached);
    assert_eq!((desk.joined(first).generation, desk.joined(first).members.len()), (3, 1));
}

#[test]
fn who_is_in_and_asks_again_is_not_one_too_many() {
    let mut desk =
        Desk::with(Settings { max_size: 2, initial_rebalance_delay: 3_000, ..Settings::default() });
    let given = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(given);
    let (early, other) = (desk.join(joining(&id)), desk.join(joining("")));
    let late = desk.join(joining(&id));
    assert_eq!(desk.join_refused(early).0, ResponseError::RebalanceInProgress);
    desk.pass(6_000);
    assert_eq!((desk.joined(late).generation, desk.joined(other).generation), (1, 1));
}
