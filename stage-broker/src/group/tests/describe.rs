//! Groups described and listed.

use super::*;

#[test]
fn a_stable_group_shows_all() {
    let mut desk = Desk::new();
    let (one, _) = desk.two();
    let group = desk.groups.describe("g").unwrap();
    assert_eq!((group.state.name(), group.protocol_type.as_str()), ("Stable", "consumer"));
    assert_eq!((group.protocol.as_str(), group.members.len()), ("range", 2));
    let member = &group.members[0];
    assert_eq!((&member.id, member.client_id.as_str()), (&one, "c"));
    assert_eq!(member.client_host, "/127.0.0.1");
    assert_eq!(member.metadata, protocol("range", &["t"]).metadata);
    assert_eq!(member.assignment, owned("one's"));
}

#[test]
fn a_rebalancing_group_shows_its_members_only() {
    let mut desk = Desk::new();
    let (one, _) = desk.two();
    desk.join(joining(&one));
    let group = desk.groups.describe("g").unwrap();
    assert_eq!((group.state.name(), group.protocol.as_str()), ("PreparingRebalance", ""));
    assert_eq!(group.members.len(), 2);
    assert!(group.members.iter().all(|m| m.metadata.is_empty() && m.assignment.is_empty()));
}

#[test]
fn a_group_that_nobody_knows_is_none() {
    assert_eq!(Desk::new().groups.describe("g"), None);
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut desk = Desk::new();
    desk.alone();
    desk.join(Join { group: "h".into(), ..joining("") });
    let names = |states: &[&str], types: &[&str]| {
        let listed = desk.groups.list(states, types);
        listed.into_iter().map(|l| l.group).collect::<Vec<_>>()
    };
    assert_eq!(names(&[], &[]), ["g", "h"]);
    assert_eq!(names(&["stable"], &["Classic"]), ["g"]);
    assert_eq!(names(&["Stable", "CompletingRebalance"], &[]), ["g", "h"]);
    assert_eq!(names(&["Dead"], &[]), [""; 0]);
    assert_eq!(names(&[], &["consumer"]), [""; 0]);
    let listed = &desk.groups.list(&["Stable"], &[])[0];
    assert_eq!((listed.protocol_type.as_str(), listed.state), ("consumer", State::Stable));
}
