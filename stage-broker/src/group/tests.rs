//! Groups as clients see them, without a clock.

use super::*;

const LIMITS: Limits = Limits { max_members: 100, initial_delay_ms: 0 };

fn join(member: &str, new_id: &str, token: Token) -> Join {
    Join {
        member: member.to_owned(),
        instance: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_ms: 6_000,
        rebalance_ms: 30_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "range".to_owned(), metadata: Bytes::from_static(b"m") }],
        id_first: false,
        new_id: new_id.to_owned(),
        token,
    }
}

fn who(member: &str, generation: i32) -> Who {
    Who { member: member.to_owned(), instance: None, generation }
}

fn sync(
    member: &str,
    generation: i32,
    assignments: &[(&str, &'static [u8])],
    token: Token,
) -> Sync {
    let assignments = assignments.iter();
    Sync {
        who: who(member, generation),
        protocol_type: None,
        protocol: None,
        assignments: assignments.map(|(id, a)| ((*id).to_owned(), Bytes::from_static(a))).collect(),
        token,
    }
}

/// A stable group of `a` (who leads) and `b` in generation 2.
fn pair() -> Group {
    let mut group = Group::new(LIMITS, 0);
    group.join(join("", "a", 1), 0);
    group.join(join("", "b", 2), 0);
    let outcome = group.join(join("a", "", 3), 0);
    assert_eq!(outcome.replies.len(), 2);
    group.sync(sync("b", 2, &[], 4), 0);
    let outcome = group.sync(sync("a", 2, &[("a", b"x"), ("b", b"y")], 5), 0);
    assert_eq!(outcome.replies.len(), 2);
    assert_eq!((group.state, group.generation), (State::Stable, 2));
    group
}

fn joined(outcome: &Outcome, token: Token) -> &Result<Joined, (ResponseError, String)> {
    let found = outcome.replies.iter().find_map(|reply| match reply {
        Reply::Join(to, answer) if *to == token => Some(answer),
        _ => None,
    });
    found.expect("an answer")
}

#[test]
fn a_first_member_leads_a_generation_of_one() {
    let mut group = Group::new(LIMITS, 0);
    let outcome = group.join(join("", "a", 1), 0);
    let answer = joined(&outcome, 1).as_ref().unwrap();
    assert_eq!((answer.generation, &*answer.leader, answer.members.len()), (1, "a", 1));
    assert_eq!(group.state, State::Completing);
    assert!(outcome.changed);
}

#[test]
fn a_new_member_is_given_an_id_to_come_back_with() {
    let mut group = Group::new(LIMITS, 0);
    let outcome = group.join(Join { id_first: true, ..join("", "a", 1) }, 0);
    assert_eq!(joined(&outcome, 1), &Err((ResponseError::MemberIdRequired, "a".to_owned())));
    assert_eq!(group.state, State::Empty);
    let outcome = group.join(Join { id_first: true, ..join("a", "", 2) }, 0);
    assert_eq!(joined(&outcome, 2).as_ref().unwrap().member, "a");
}

#[test]
fn everybody_is_told_when_somebody_new_comes() {
    let mut group = pair();
    let outcome = group.join(join("", "c", 6), 0);
    assert!(outcome.replies.is_empty());
    assert_eq!(group.heartbeat(&who("a", 2), 0), Err(ResponseError::RebalanceInProgress));
    group.join(join("a", "", 7), 0);
    let outcome = group.join(join("b", "", 8), 0);
    assert_eq!(outcome.replies.len(), 3);
    assert_eq!(joined(&outcome, 7).as_ref().unwrap().members.len(), 3);
    assert!(joined(&outcome, 8).as_ref().unwrap().members.is_empty());
}

#[test]
fn who_does_not_come_back_is_out_when_time_is_up() {
    let mut group = pair();
    group.join(join("", "c", 6), 0);
    group.join(join("a", "", 7), 0);
    let (now, outcome) = loop {
        let now = group.next_tick().expect("something to wait for");
        // b lives but does not come back.
        let _ = group.heartbeat(&who("b", 2), now - 1);
        let outcome = group.tick(now);
        if !outcome.replies.is_empty() {
            break (now, outcome);
        }
    };
    assert_eq!(now, 30_000);
    assert_eq!(joined(&outcome, 7).as_ref().unwrap().members.len(), 2);
    assert_eq!(group.heartbeat(&who("b", 3), now), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_silent_member_is_out_when_its_session_ends() {
    let mut group = pair();
    group.heartbeat(&who("a", 2), 5_000).unwrap();
    assert!(group.tick(5_999).replies.is_empty());
    assert_eq!(group.state, State::Stable);
    group.tick(6_000);
    assert_eq!(group.state, State::Preparing);
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn old_generations_and_strangers_are_refused() {
    let mut group = pair();
    assert_eq!(group.heartbeat(&who("a", 1), 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.heartbeat(&who("x", 2), 0), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.check_commit(&who("a", 1), false, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.check_commit(&who("", -1), false, 0), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.check_commit(&who("a", 2), false, 0), Ok(()));
    let mut empty = Group::new(LIMITS, 0);
    assert_eq!(empty.check_commit(&who("", -1), false, 0), Ok(()));
}

#[test]
fn a_leader_that_does_not_assign_is_out() {
    let mut group = Group::new(LIMITS, 0);
    group.join(join("", "a", 1), 0);
    group.join(join("", "b", 2), 0);
    group.join(join("a", "", 3), 0);
    group.sync(sync("b", 2, &[], 4), 0);
    group.heartbeat(&who("a", 2), 29_000).unwrap();
    let outcome = group.tick(30_000);
    assert_eq!(outcome.replies, [Reply::Sync(4, Err(ResponseError::RebalanceInProgress))]);
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_static_member_takes_its_place_again_without_a_rebalance() {
    let mut group = Group::new(LIMITS, 0);
    let with = |join: Join| Join { instance: Some("i".to_owned()), ..join };
    group.join(with(join("", "a", 1)), 0);
    group.sync(sync("a", 1, &[("a", b"x")], 2), 0);
    let outcome = group.join(with(join("", "a2", 3)), 0);
    let answer = joined(&outcome, 3).as_ref().unwrap();
    assert_eq!((answer.generation, &*answer.member, answer.skip_assignment), (1, "a2", true));
    let old = Who { instance: Some("i".to_owned()), ..who("a", 1) };
    assert_eq!(group.heartbeat(&old, 0), Err(ResponseError::FencedInstanceId));
    let outcome = group.sync(sync("a2", 1, &[], 4), 0);
    let Reply::Sync(4, Ok(synced)) = &outcome.replies[0] else { panic!("{outcome:?}") };
    assert_eq!(&synced.assignment[..], b"x");
}

#[test]
fn the_last_to_leave_leaves_it_empty_in_a_new_generation() {
    let mut group = pair();
    let mut outcome = Outcome::default();
    group.leave("a", None, 0, &mut outcome).unwrap();
    group.leave("b", None, 0, &mut outcome).unwrap();
    assert_eq!((group.state, group.generation), (State::Empty, 3));
    assert_eq!(group.leave("b", None, 0, &mut outcome), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_new_group_waits_for_more_members_if_told_to() {
    let mut group = Group::new(Limits { initial_delay_ms: 3_000, ..LIMITS }, 0);
    assert!(group.join(join("", "a", 1), 0).replies.is_empty());
    assert!(group.join(join("", "b", 2), 1_000).replies.is_empty());
    assert!(group.tick(3_999).replies.is_empty());
    assert_eq!(group.tick(4_000).replies.len(), 2);
}

#[test]
fn protocols_that_do_not_meet_are_refused() {
    let mut group = pair();
    let other = Protocol { name: "sticky".to_owned(), metadata: Bytes::new() };
    let outcome = group.join(Join { protocols: vec![other], ..join("", "c", 6) }, 0);
    let (error, _) = joined(&outcome, 6).as_ref().unwrap_err();
    assert_eq!(*error, ResponseError::InconsistentGroupProtocol);
}

#[test]
fn a_stable_group_is_the_same_after_a_restart() {
    let json = serde_json::to_string(&pair().remember()).unwrap();
    let mut again = Group::recall(serde_json::from_str(&json).unwrap(), LIMITS, 100_000);
    assert_eq!(again.heartbeat(&who("a", 2), 100_001), Ok(()));
    let outcome = again.sync(sync("b", 2, &[], 9), 100_001);
    let Reply::Sync(9, Ok(synced)) = &outcome.replies[0] else { panic!("{outcome:?}") };
    assert_eq!(&synced.assignment[..], b"y");
}

#[test]
fn a_new_member_that_goes_before_it_is_told_its_id_holds_nobody_up() {
    let mut group = pair();
    group.join(join("", "c", 6), 0);
    let outcome = group.abandon(6, 0);
    assert!(matches!(outcome.replies[..], [Reply::Join(6, Err(_))]));
    group.join(join("a", "", 7), 0);
    let outcome = group.join(join("b", "", 8), 0);
    assert_eq!(joined(&outcome, 7).as_ref().unwrap().members.len(), 2);
    // One that was told has until its session ends.
    let mut group = pair();
    group.join(join("a", "", 9), 0);
    assert!(group.abandon(9, 0).replies.is_empty());
    assert_eq!(group.members.len(), 2);
}
