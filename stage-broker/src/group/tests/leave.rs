//! Members that go.

use super::*;

#[test]
fn the_last_to_go_leaves_an_empty_group() {
    let mut desk = Desk::new();
    let one = desk.alone();
    assert_eq!(desk.leave(&one), Ok(()));
    assert_eq!(desk.state(), Some(State::Empty));
    let Some(Value::Group(stored)) = desk.written.get(&Key::Group("g".into())) else { panic!() };
    assert_eq!((stored.generation, stored.members.len()), (2, 0), "and that is written down");
    let token = desk.join(joining(""));
    assert_eq!(desk.joined(token).generation, 3, "generations go on");
}

#[test]
fn the_others_rebalance() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    assert_eq!(desk.leave(&one), Ok(()));
    assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::RebalanceInProgress));
    let token = desk.join(joining(&two));
    assert_eq!(desk.joined(token).leader, two);
}

#[test]
fn who_was_waited_for_is_waited_for_no_longer() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    assert!(desk.waits(second));
    desk.leave(&one).unwrap();
    assert_eq!(desk.joined(second).members.len(), 1);
}

#[test]
fn an_id_that_has_not_joined_can_be_given_back() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let token = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(token);
    let waiting = desk.join(joining(&one));
    assert!(desk.waits(waiting));
    assert_eq!(desk.leave(&id), Ok(()));
    assert_eq!(desk.joined(waiting).generation, 2);
}

#[test]
fn each_of_several_has_its_own_result() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    let leaving =
        [one.as_str(), "x", two.as_str(), ""].map(|member| Leaving { member, instance: None });
    let unknown = Err(ResponseError::UnknownMemberId);
    assert_eq!(desk.leave_as(&leaving), [Ok(()), unknown, Ok(()), unknown]);
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn an_instance_can_be_sent_away_by_its_name() {
    let mut desk = Desk::new();
    let token = desk.join(Join { instance: Some("i".into()), ..joining("") });
    let id = desk.joined(token).member;
    let stranger = Leaving { member: "x", instance: Some("i") };
    let nobody = Leaving { member: "", instance: Some("j") };
    let results = desk.leave_as(&[stranger, nobody]);
    assert_eq!(
        results,
        [Err(ResponseError::FencedInstanceId), Err(ResponseError::UnknownMemberId)]
    );
    assert_eq!(desk.leave_as(&[Leaving { member: "", instance: Some("i") }]), [Ok(())]);
    assert_eq!(desk.heartbeat(&id, 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn nobody_leaves_a_group_that_is_not_there() {
    let mut desk = Desk::new();
    assert_eq!(desk.leave("x"), Err(ResponseError::UnknownMemberId));
    let step = desk.groups.leave(desk.now, "", &[]);
    assert_eq!(desk.follow(step), Err(ResponseError::InvalidGroupId));
}

#[test]
fn what_a_leaving_member_waits_for_is_refused() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let waiting = desk.sync(&two, 2, &[]);
    desk.leave(&two).unwrap();
    assert_eq!(desk.synced(waiting), Err(ResponseError::UnknownMemberId));
    let joining_again = desk.join(joining(&one));
    assert_eq!(desk.joined(joining_again).generation, 3);
}

#[test]
fn the_last_to_leave_leaves_an_empty_group_also_if_an_id_was_given_out() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let given = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(given);
    desk.leave(&one).unwrap();
    assert_eq!(desk.state(), Some(State::Empty));
    let joined = desk.join(joining(&id));
    assert_eq!(desk.joined(joined).generation, 3);
}
