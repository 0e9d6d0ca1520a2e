//! DescribeGroups, ListGroups, DeleteGroups.

use crate::ask::group::Member;
use crate::said::{Said, group_id, said, text};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{GroupIdNotFound, NonEmptyGroup};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};
use std::collections::BTreeMap;

const DESCRIBE: [i16; 4] = [0, 2, 4, 5];

conversation!(a_group_with_a_member_is_described, DESCRIBE, |k, v| {
    let member = k.member();
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&member.group)]);
    let group = k.ask(v, &request).groups.remove(0);
    assert_eq!((said(group.error_code), &*group.group_state), (Ok(()), "Stable"));
    assert_eq!((&*group.protocol_type, &*group.protocol_data), ("consumer", "range"));
    let found = &group.members[0];
    assert_eq!((&*found.member_id, &*found.client_id), (&*member.id, "conversation"));
    assert!(found.client_host.contains("127.0.0.1"), "{}", found.client_host);
    assert_eq!(found.member_metadata, member.metadata);
    assert_eq!(&found.member_assignment[..], b"all");
});

conversation!(an_unknown_group_is_dead, DESCRIBE, |k, v| {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&k.group())]);
    let group = k.ask(v, &request).groups.remove(0);
    assert_eq!((said(group.error_code), &*group.group_state), (Ok(()), "Dead"));
    assert_eq!(group.members.len(), 0);
});

conversation!(an_unknown_group_is_not_found, [6], |k, v| {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&k.group())]);
    let group = k.ask(v, &request).groups.remove(0);
    assert_eq!((said(group.error_code), &*group.group_state), (Err(GroupIdNotFound), "Dead"));
});

conversation!(several_groups_are_described_at_once, DESCRIBE, |k, v| {
    let (one, other) = (k.member().group, k.group());
    let groups = vec![group_id(&one), group_id(&other)];
    let answer = k.ask(v, &DescribeGroupsRequest::default().with_groups(groups));
    let found = answer.groups.iter().map(|g| (g.group_id.to_string(), g.group_state.to_string()));
    let found: BTreeMap<_, _> = found.collect();
    assert_eq!((&*found[&one], &*found[&other], found.len()), ("Stable", "Dead", 2));
});

conversation!(an_instance_is_described_by_its_name, [4, 5], |k, v| {
    let mut member = Member::of(&k.group()).named("instance");
    k.enter(&mut member);
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(&member.group)]);
    let group = k.ask(v, &request).groups.remove(0);
    assert_eq!(group.members[0].group_instance_id.as_deref(), Some("instance"));
});

conversation!(a_group_that_all_left_is_empty, |k| {
    let member = k.member();
    assert_eq!(k.leave(&member), Ok(()));
    let group = k.describe_group(&member.group);
    assert_eq!((&*group.group_state, group.members.len()), ("Empty", 0));
    assert_eq!((&*group.protocol_type, &*group.protocol_data), ("consumer", ""));
});

/// The group in the list of all of them.
fn listed(
    k: &mut Talk,
    v: i16,
    group: &str,
    states: &[&str],
    types: &[&str],
) -> Option<ListedGroup> {
    let all = |names: &[&str]| names.iter().map(|name| text(name)).collect();
    let request =
        ListGroupsRequest::default().with_states_filter(all(states)).with_types_filter(all(types));
    let answer = k.ask(v, &request);
    assert_eq!(said(answer.error_code), Ok(()));
    answer.groups.into_iter().find(|found| *found.group_id == *group)
}

conversation!(groups_are_listed, [0, 2, 3, 5], |k, v| {
    let member = k.member();
    let found = listed(k, v, &member.group, &[], &[]).expect("the group");
    assert_eq!(&*found.protocol_type, "consumer");
    let unknown = k.group();
    assert_eq!(listed(k, v, &unknown, &[], &[]), None);
});

conversation!(groups_are_listed_by_state, [4, 5], |k, v| {
    let member = k.member();
    let found = listed(k, v, &member.group, &["Stable"], &[]).expect("the group");
    assert_eq!(&*found.group_state, "Stable");
    assert_eq!(listed(k, v, &member.group, &["Empty"], &[]), None);
    assert_eq!(k.leave(&member), Ok(()));
    assert!(listed(k, v, &member.group, &["Empty", "Dead"], &[]).is_some());
});

conversation!(groups_are_listed_by_type, [5], |k, v| {
    let member = k.member();
    let found = listed(k, v, &member.group, &[], &["classic"]).expect("the group");
    assert_eq!(&*found.group_type, "classic");
    assert_eq!(listed(k, v, &member.group, &[], &["consumer"]), None);
});

fn delete(k: &mut Talk, version: i16, group: &str) -> Said {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
    said(k.ask(version, &request).results[0].error_code)
}

conversation!(an_empty_group_is_deleted, [0, 1, 2], |k, v| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    k.commit(7, &nobody, &topic, 7).expect("a commit");
    assert_eq!(delete(k, v, &nobody.group), Ok(()));
    assert_eq!(k.committed(&nobody.group, &topic), Ok((-1, String::new())));
    k.until_group(&nobody.group, "Dead");
});

conversation!(a_group_with_members_is_not_deleted, [0, 1, 2], |k, v| {
    let member = k.member();
    assert_eq!(delete(k, v, &member.group), Err(NonEmptyGroup));
    assert_eq!(k.heartbeat(3, &member), Ok(()));
});

conversation!(an_unknown_group_is_not_deleted, [0, 1, 2], |k, v| {
    let group = k.group();
    assert_eq!(delete(k, v, &group), Err(GroupIdNotFound));
});

conversation!(a_deleted_group_begins_again, |k| {
    let member = k.member();
    assert_eq!(k.leave(&member), Ok(()));
    assert_eq!(delete(k, 2, &member.group), Ok(()));
    let mut next = Member::of(&member.group);
    until("the group", || Some(k.join(&mut next)));
    assert_eq!(next.generation, 1);
});
