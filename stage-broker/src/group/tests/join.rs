//! New members.

use super::*;

#[test]
fn the_first_member_leads_a_new_generation() {
    let mut desk = Desk::new();
    let token = desk.join(joining(""));
    let joined = desk.joined(token);
    assert_eq!((joined.generation, joined.member.as_str()), (1, "c-u1"));
    assert_eq!((joined.leader.as_str(), joined.members.len()), ("c-u1", 1));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(desk.state(), Some(State::CompletingRebalance));
}

#[test]
fn a_new_client_is_given_its_id_first() {
    let mut desk = Desk::new();
    let first = desk.join(Join { requires_member_id: true, ..joining("") });
    let (error, id) = desk.join_refused(first);
    assert_eq!((error, id.as_str()), (ResponseError::MemberIdRequired, "c-u1"));
    assert_eq!(desk.state(), Some(State::Empty));
    let second = desk.join(Join { requires_member_id: true, ..joining(&id) });
    assert_eq!(desk.joined(second).member, id);
}

#[test]
fn an_id_that_was_not_given_out_is_unknown() {
    let mut desk = Desk::new();
    let nobody = desk.join(joining("x"));
    assert_eq!(desk.join_refused(nobody), (ResponseError::UnknownMemberId, "x".into()));
    assert!(!desk.groups.contains("g"), "and makes no group");
    desk.alone();
    let nobody = desk.join(joining("x"));
    assert_eq!(desk.join_refused(nobody), (ResponseError::UnknownMemberId, "x".into()));
}

#[test]
fn an_id_given_out_is_good_for_one_session() {
    let mut desk = Desk::new();
    let first = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(first);
    desk.pass(10_000);
    let late = desk.join(joining(&id));
    assert_eq!(desk.join_refused(late).0, ResponseError::UnknownMemberId);
}

#[test]
fn a_rebalance_waits_for_an_id_that_was_given_out_until_its_session_ends() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.join(Join { requires_member_id: true, ..joining("") });
    let again = desk.join(joining(&one));
    assert!(desk.waits(again));
    desk.pass(9_999);
    assert!(desk.waits(again));
    desk.pass(1);
    assert_eq!(desk.joined(again).generation, 2);
}

#[test]
fn an_instance_never_waits_for_an_id() {
    let mut desk = Desk::new();
    let instance = Some("i".to_owned());
    let token = desk.join(Join { requires_member_id: true, instance, ..joining("") });
    assert_eq!(desk.joined(token).member, "i-u1");
}

#[test]
fn an_id_given_out_joined_by_an_instance_is_an_error() {
    let mut desk = Desk::new();
    let first = desk.join(Join { requires_member_id: true, ..joining("") });
    let (_, id) = desk.join_refused(first);
    let token = desk.join(Join { instance: Some("i".into()), ..joining(&id) });
    assert_eq!(desk.join_refused(token), (ResponseError::UnknownServerError, String::new()));
}

#[test]
fn sessions_have_limits() {
    let mut desk = Desk::new();
    for session_timeout in [5_999, 1_800_001] {
        let token = desk.join(Join { session_timeout, ..joining("") });
        assert_eq!(desk.join_refused(token).0, ResponseError::InvalidSessionTimeout);
    }
    for session_timeout in [6_000, 1_800_000] {
        let group = session_timeout.to_string();
        let token = desk.join(Join { session_timeout, group, ..joining("") });
        desk.joined(token);
    }
}

#[test]
fn a_group_needs_a_name_a_type_and_a_protocol() {
    let mut desk = Desk::new();
    let token = desk.join(Join { group: String::new(), ..joining("") });
    assert_eq!(desk.join_refused(token).0, ResponseError::InvalidGroupId);
    let token = desk.join(Join { protocol_type: String::new(), ..joining("") });
    assert_eq!(desk.join_refused(token).0, ResponseError::InconsistentGroupProtocol);
    let token = desk.join(Join { protocols: Vec::new(), ..joining("") });
    assert_eq!(desk.join_refused(token), (ResponseError::InconsistentGroupProtocol, String::new()));
    assert!(desk.groups.all.is_empty() && desk.written.is_empty(), "nothing is left of them");
}

#[test]
fn a_member_must_share_the_type_and_a_protocol() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let other = desk.join(Join { protocol_type: "connect".into(), ..joining("") });
    assert_eq!(desk.join_refused(other).0, ResponseError::InconsistentGroupProtocol);
    let other = desk.join(Join { protocols: vec![protocol("sticky", &[])], ..joining("") });
    assert_eq!(desk.join_refused(other).0, ResponseError::InconsistentGroupProtocol);
    let same = desk.join(Join { protocols: vec![protocol("sticky", &[])], ..joining(&one) });
    assert_eq!(desk.join_refused(same), (ResponseError::InconsistentGroupProtocol, one.clone()));
    assert_eq!(desk.heartbeat(&one, 1), Ok(()), "and nobody is disturbed");
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| protocol(name, &[])).collect()
}

#[test]
fn the_protocol_with_most_votes_among_the_common_ones_is_chosen() {
    let mut desk = Desk::new();
    let own = || protocols(&["own", "sticky", "range"]);
    let first = desk.join(Join { protocols: own(), ..joining("") });
    assert_eq!(desk.joined(first).protocol.as_deref(), Some("own"));
    let one = desk.joined(first).member;
    let second = desk.join(Join { protocols: protocols(&["range", "sticky"]), ..joining("") });
    let third = desk.join(Join { protocols: protocols(&["range", "sticky"]), ..joining("") });
    let first = desk.join(Join { protocols: own(), ..joining(&one) });
    for token in [first, second, third] {
        assert_eq!(desk.joined(token).protocol.as_deref(), Some("range"));
    }
}

#[test]
fn in_a_tie_the_same_is_chosen_as_kafka_chooses() {
    // Asked of Apache Kafka 4.1.
    for (one, other, chosen) in [
        ("range", "sticky", "sticky"),
        ("a", "b", "a"),
        ("roundrobin", "range", "range"),
        ("cooperative-sticky", "range", "range"),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let mut desk = Desk::new();
            let first = desk.join(Join { protocols: protocols(&[one, other]), ..joining("") });
            let id = desk.joined(first).member;
            let second = desk.join(Join { protocols: protocols(&[other, one]), ..joining("") });
            desk.join(Join { protocols: protocols(&[one, other]), ..joining(&id) });
            assert_eq!(desk.joined(second).protocol.as_deref(), Some(chosen));
        }
    }
}

#[test]
fn only_the_leader_learns_who_is_there_and_what_they_said() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let second = desk.join(Join { protocols: vec![protocol("range", &["x"])], ..joining("") });
    let first = desk.join(joining(&one));
    let two = desk.joined(second).member;
    let (first, second) = (desk.joined(first), desk.joined(second));
    let ids: Vec<&str> = first.members.iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids, [&one, &two]);
    assert_eq!(first.members[1].metadata, protocol("range", &["x"]).metadata);
    assert!(second.members.is_empty());
    assert_eq!((&first.leader, &second.leader), (&one, &one));
    assert_eq!((first.generation, second.generation), (2, 2));
}

#[test]
fn a_new_member_may_wait_five_minutes_for_its_first_rebalance() {
    let mut desk = Desk::new();
    desk.alone();
    let two = desk.join(Join { rebalance_timeout: 3_600_000, ..joining("") });
    // The first member stays alive, but does not come back.
    for _ in 0..59 {
        desk.pass(5_000);
        assert_eq!(desk.heartbeat("c-u1", 1), Err(ResponseError::RebalanceInProgress));
    }
    assert!(desk.waits(two));
    desk.pass(5_000);
    assert_eq!(desk.join_refused(two).0, ResponseError::UnknownMemberId);
}
