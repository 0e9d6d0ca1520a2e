//! Static members.

use super::*;

fn instance(member: &str) -> Join {
    Join { instance: Some("i".into()), session_timeout: 30_000, ..joining(member) }
}

fn as_instance(member: &str, generation: i32) -> Who<'_> {
    Who { member, instance: Some("i"), generation }
}

/// A dynamic leader and a static follower, stable in generation 2.
fn led(desk: &mut Desk) -> (String, String) {
    let one = desk.alone();
    let second = desk.join(instance(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    desk.sync(&two, 2, &[]);
    desk.sync(&one, 2, &[(&one, "a"), (&two, "b")]);
    (one, two)
}

#[test]
fn a_follower_that_starts_again_takes_its_old_place_without_a_rebalance() {
    let mut desk = Desk::new();
    let (one, two) = led(&mut desk);
    let token = desk.join(instance(""));
    let joined = desk.joined(token);
    assert_ne!(joined.member, two);
    assert_eq!((joined.generation, joined.leader.as_str()), (2, one.as_str()));
    assert!(joined.members.is_empty() && !joined.skip_assignment);
    assert_eq!(desk.state(), Some(State::Stable));
    let synced = desk.sync_as(as_instance(&joined.member, 2), &[]);
    assert_eq!(desk.synced(synced), Ok(owned("b")), "its assignment waited for it");
    assert_eq!(desk.heartbeat(&one, 2), Ok(()));
}

#[test]
fn the_one_before_is_fenced() {
    let mut desk = Desk::new();
    let (_, two) = led(&mut desk);
    desk.join(instance(""));
    let fenced = Err(ResponseError::FencedInstanceId);
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance(&two, 2)), fenced);
    let synced = desk.sync_as(as_instance(&two, 2), &[]);
    assert_eq!(desk.synced(synced), Err(ResponseError::FencedInstanceId));
    assert_eq!(
        desk.commit(as_instance(&two, 2), &[offset("t", 0, 1)]),
        Err(ResponseError::FencedInstanceId)
    );
    let in_transaction = desk.commit_in(7, as_instance(&two, 2), &[offset("t", 0, 1)]);
    assert_eq!(in_transaction, Err(ResponseError::FencedInstanceId));
    let joined = desk.join(instance(&two));
    assert_eq!(desk.join_refused(joined), (ResponseError::FencedInstanceId, two.clone()));
    assert_eq!(desk.leave_as(&[Leaving { member: &two, instance: Some("i") }]), [fenced]);
    // Without its instance id it is just unknown.
    assert_eq!(desk.heartbeat(&two, 2), Err(ResponseError::UnknownMemberId));
}

#[test]
fn an_instance_that_is_not_there_is_unknown() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let unknown = Err(ResponseError::UnknownMemberId);
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance(&one, 1)), unknown);
}

#[test]
fn a_leader_that_starts_again_is_told_to_skip_or_does_not_learn_that_it_leads() {
    for can_skip_assignment in [true, false] {
        let mut desk = Desk::new();
        let first = desk.join(instance(""));
        let old = desk.joined(first).member;
        desk.sync(&old, 1, &[(&old, "a")]);
        let token = desk.join(Join { can_skip_assignment, ..instance("") });
        let joined = desk.joined(token);
        assert_eq!(joined.generation, 1);
        assert_eq!(joined.skip_assignment, can_skip_assignment);
        assert_eq!(joined.members.len(), usize::from(can_skip_assignment));
        assert_eq!(joined.leader, if can_skip_assignment { joined.member.clone() } else { old });
        let synced = desk.sync_as(as_instance(&joined.member, 1), &[]);
        assert_eq!(desk.synced(synced), Ok(owned("a")));
    }
}

#[test]
fn its_new_id_is_written_down_before_it_is_told() {
    let mut desk = Desk::new();
    led(&mut desk);
    let token = desk.join(instance(""));
    let new = desk.joined(token).member;
    desk.restart();
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance(&new, 2)), Ok(()));
}

#[test]
fn one_that_changes_the_choice_of_protocol_means_a_rebalance() {
    let mut desk = Desk::new();
    let both = || vec![protocol("range", &["t"]), protocol("sticky", &["t"])];
    let first = desk.join(Join { protocols: both(), ..instance("") });
    let old = desk.joined(first).member;
    desk.sync(&old, 1, &[(&old, "a")]);
    let mut other = both();
    other.reverse();
    let token = desk.join(Join { protocols: other, ..instance("") });
    let joined = desk.joined(token);
    assert_eq!((joined.generation, joined.protocol.as_deref()), (2, Some("sticky")));
}

#[test]
fn one_that_comes_while_the_leader_assigns_begins_a_rebalance() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(instance(""));
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    let waiting = desk.sync_as(as_instance(&two, 2), &[]);
    let third = desk.join(instance(""));
    assert_eq!(desk.synced(waiting), Err(ResponseError::FencedInstanceId));
    assert!(desk.waits(third));
    assert_eq!(desk.heartbeat(&one, 2), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn one_that_comes_while_the_other_waits_takes_over_its_place() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let old = desk.join(instance(""));
    let new = desk.join(instance(""));
    let (error, id) = desk.join_refused(old);
    assert_eq!(error, ResponseError::FencedInstanceId);
    desk.join(joining(&one));
    assert_ne!(desk.joined(new).member, id);
    assert_eq!(desk.joined(new).generation, 2);
}

#[test]
fn one_that_misses_a_rebalance_keeps_its_place_until_its_session_ends() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(Join { session_timeout: 100_000, ..instance("") });
    desk.join(joining(&one));
    let two = desk.joined(second).member;
    desk.sync_as(as_instance(&two, 2), &[]);
    desk.sync(&one, 2, &[]);
    let (first, third) = (desk.join(joining(&one)), desk.join(joining("")));
    desk.pass(60_000);
    assert_eq!(desk.joined(first).members.len(), 3, "it was not there, but counts");
    assert_eq!(desk.joined(third).generation, 3);
    assert_eq!(desk.groups.heartbeat(desk.now, "g", &as_instance(&two, 3)), Ok(()));
}

#[test]
fn its_session_ends_like_any_other() {
    let mut desk = Desk::new();
    let first = desk.join(instance(""));
    let id = desk.joined(first).member;
    desk.sync(&id, 1, &[]);
    desk.pass(29_999);
    assert_eq!(desk.state(), Some(State::Stable));
    desk.pass(1);
    assert_eq!(desk.state(), Some(State::Empty));
    let token = desk.join(instance(""));
    assert_eq!(desk.joined(token).generation, 3);
}

#[test]
fn if_only_absent_static_members_are_left_the_rebalance_waits_on() {
    let mut desk = Desk::new();
    let first = desk.join(Join { session_timeout: 1_000_000, ..instance("") });
    let id = desk.joined(first).member;
    desk.sync(&id, 1, &[]);
    let second = desk.join(joining(""));
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
    // The newcomer goes again: only the static member is left, and does not come.
    let groups = &desk.groups.all["g"];
    let newcomer = groups.members.keys().find(|member| **member != id).unwrap().clone();
    desk.leave(&newcomer).unwrap();
    assert_eq!(desk.join_refused(second).0, ResponseError::UnknownMemberId);
    desk.pass(200_000);
    assert_eq!(desk.state(), Some(State::PreparingRebalance));
    let token = desk.join(instance(&id));
    assert_eq!((desk.joined(token).generation, desk.joined(token).leader), (2, id));
}
