//! Clients that hang up while they wait.

use super::*;

impl Desk {
    fn hang_up(&mut self, token: Token) {
        let step = self.groups.abandoned(self.now, "g", token);
        self.follow(step);
        assert!(self.waits(token), "nobody is there to be told");
    }
}

#[test]
fn a_new_member_without_an_id_holds_nobody_up() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    let first = desk.join(Join { protocols: vec![protocol("range", &["u"])], ..joining(&one) });
    let third = desk.join(joining(""));
    desk.hang_up(third);
    assert!(!desk.waits(first) && !desk.waits(second));
    assert_eq!(desk.joined(first).members.len(), 2);
}

#[test]
fn one_that_was_given_its_id_can_come_back() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let given = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(given);
    let token = desk.join(joining(&id));
    desk.hang_up(token);
    let again = desk.join(joining(&id));
    desk.join(joining(&one));
    assert_eq!(desk.joined(again).member, id);
}

#[test]
fn a_member_that_hangs_up_waiting_for_its_assignment_is_still_one() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let token = desk.sync(&two, 2, &[]);
    desk.hang_up(token);
    desk.sync(&one, 2, &[(&two, "b")]);
    assert!(desk.waits(token));
    let again = desk.sync(&two, 2, &[]);
    assert_eq!(desk.synced(again), Ok(owned("b")));
    desk.pass(10_000);
    assert_eq!(
        desk.heartbeat(&two, 2),
        Err(ResponseError::UnknownMemberId),
        "unless it stays silent"
    );
}

#[test]
fn the_last_to_hang_up_leaves_an_empty_group() {
    let mut desk = Desk::with(Settings { initial_rebalance_delay: 3_000, ..Settings::default() });
    let token = desk.join(joining(""));
    desk.hang_up(token);
    desk.pass(3_000);
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn an_instance_keeps_its_place() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let instance = Some("i".to_owned());
    let token = desk.join(Join { instance: instance.clone(), ..joining("") });
    desk.hang_up(token);
    let first = desk.join(joining(&one));
    assert_eq!(desk.joined(first).members.len(), 2);
    desk.sync(&one, 2, &[]);
    let again = desk.join(Join { instance, ..joining("") });
    assert_eq!(desk.joined(again).generation, 2);
}
