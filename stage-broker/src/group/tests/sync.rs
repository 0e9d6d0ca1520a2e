//! Assignments.

use super::*;

#[test]
fn everybody_learns_what_the_leader_says() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let follower = desk.sync(&two, 2, &[]);
    assert!(desk.waits(follower));
    let leader = desk.sync(&one, 2, &[(&one, "a"), (&two, "b"), ("stranger", "c")]);
    assert_eq!(desk.synced(leader), Ok(owned("a")));
    assert_eq!(desk.synced(follower), Ok(owned("b")));
    let again = desk.sync(&two, 2, &[]);
    assert_eq!(desk.synced(again), Ok(owned("b")), "whoever asks later, too");
}

#[test]
fn who_is_forgotten_gets_nothing() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    desk.join(Join { protocols: vec![protocol("range", &["u"])], ..joining(&two) });
    desk.join(joining(&one));
    let follower = desk.sync(&two, 3, &[]);
    desk.sync(&one, 3, &[(&one, "a")]);
    assert_eq!(desk.synced(follower), Ok(Bytes::new()), "not what was its before");
}

#[test]
fn a_follower_cannot_assign() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let follower = desk.sync(&two, 2, &[(&two, "mine")]);
    desk.sync(&one, 2, &[(&two, "b")]);
    assert_eq!(desk.synced(follower), Ok(owned("b")));
}

#[test]
fn the_answer_names_type_and_protocol() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let token = desk.sync(&one, 1, &[]);
    let Some(Answer::Sync(Ok(synced))) = desk.answers.get(&token) else { panic!() };
    assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(synced.protocol.as_deref(), Some("range"));
}

#[test]
fn type_and_protocol_must_fit_if_they_are_named() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let sync = |protocol_type, protocol| Sync {
        group: "g",
        who: who(&one, 1),
        protocol_type,
        protocol,
        assignments: Vec::new(),
    };
    for (protocol_type, protocol, fits) in [
        (Some("consumer"), Some("range"), true),
        (Some("connect"), Some("range"), false),
        (Some("consumer"), Some("sticky"), false),
        (None, None, true),
    ] {
        desk.tokens += 1;
        let step = desk.groups.sync(desk.now, desk.tokens, sync(protocol_type, protocol));
        desk.follow(step);
        let refused = desk.synced(desk.tokens) == Err(ResponseError::InconsistentGroupProtocol);
        assert_eq!(refused, !fits);
    }
}

#[test]
fn strangers_and_the_past_are_refused() {
    let mut desk = Desk::new();
    let nowhere = desk.sync("x", 1, &[]);
    assert_eq!(desk.synced(nowhere), Err(ResponseError::UnknownMemberId));
    let one = desk.alone();
    let (stranger, past) = (desk.sync("x", 1, &[]), desk.sync(&one, 0, &[]));
    assert_eq!(desk.synced(stranger), Err(ResponseError::UnknownMemberId));
    assert_eq!(desk.synced(past), Err(ResponseError::IllegalGeneration));
}

#[test]
fn while_members_come_back_nothing_is_assigned() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.join(joining(""));
    let token = desk.sync(&one, 1, &[]);
    assert_eq!(desk.synced(token), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn who_waits_for_an_assignment_when_a_member_comes_is_told_to_come_back() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let waiting = desk.sync(&two, 2, &[]);
    desk.join(joining(""));
    assert_eq!(desk.synced(waiting), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn who_does_not_ask_for_its_assignment_within_the_rebalance_timeout_is_out() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    desk.sync(&one, 2, &[]);
    for _ in 0..12 {
        assert_eq!(desk.heartbeat(&two, 2), Ok(()), "it is alive, but does not ask");
        desk.heartbeat(&one, 2).unwrap();
        desk.pass(5_000);
    }
    assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::UnknownMemberId));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_leader_that_does_not_assign_in_time_is_out() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(joining(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let waiting = desk.sync(&two, 2, &[]);
    for _ in 0..12 {
        desk.heartbeat(&one, 2).unwrap();
        desk.pass(5_000);
    }
    assert_eq!(desk.synced(waiting), Err(ResponseError::RebalanceInProgress));
    let token = desk.join(joining(&two));
    assert_eq!((desk.joined(token).leader, desk.joined(token).members.len()), (two, 1));
}

#[test]
fn all_having_asked_nobody_is_put_out_later() {
    let mut desk = Desk::new();
    let (one, two) = desk.two();
    for _ in 0..20 {
        desk.pass(5_000);
        assert_eq!(desk.heartbeat(&one, 2), Ok(()));
        assert_eq!(desk.heartbeat(&two, 2), Ok(()));
    }
}

#[test]
fn nobody_is_told_before_the_assignment_is_written() {
    let mut desk = Desk::new();
    let token = desk.join(joining(""));
    let one = desk.joined(token).member;
    let sync = Sync {
        group: "g",
        who: who(&one, 1),
        protocol_type: None,
        protocol: None,
        assignments: vec![(one.clone(), owned("a"))],
    };
    let step = desk.groups.sync(desk.now, 9, sync);
    assert_eq!((step.records.len(), step.answers.len()), (1, 1));
    let Some(Value::Group(stored)) = &step.records[0].value else { panic!() };
    assert_eq!((stored.generation, stored.members[0].assignment.clone()), (1, owned("a")));
}
