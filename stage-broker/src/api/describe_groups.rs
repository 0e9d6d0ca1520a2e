//! DescribeGroups: who is in a group, and what is theirs.

use super::{Cx, code};
use crate::group::{Group, State};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use kafka_protocol::protocol::StrBytes;

/// Everything one may do with a group, as bits: there is no authorization.
const OPERATIONS: i32 = 0b1101_0100_1000;

pub(super) async fn answer(cx: &mut Cx, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let operations = request.include_authorized_operations && cx.version >= 3;
    let known = cx.node.groups.all.borrow();
    let groups = request.groups.into_iter().map(|id| {
        let described = match known.get(id.as_str()) {
            Some(group) => describe(group, cx.version),
            None => unknown(cx, &id),
        };
        let described = described.with_group_id(id);
        if operations { described.with_authorized_operations(OPERATIONS) } else { described }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn unknown(cx: &Cx, id: &str) -> DescribedGroup {
    let described = DescribedGroup::default();
    if cx.node.offsets.borrow().of(id).next().is_some() {
        return described.with_group_state(StrBytes::from_static_str(State::Empty.name()));
    }
    let described = described.with_group_state(StrBytes::from_static_str("Dead"));
    if cx.version < 6 {
        return described;
    }
    let why = format!("Group {id} not found.");
    described
        .with_error_code(code(ResponseError::GroupIdNotFound))
        .with_error_message(Some(StrBytes::from_string(why)))
}

fn describe(group: &Group, version: i16) -> DescribedGroup {
    let text = |text: &Option<String>| StrBytes::from_string(text.clone().unwrap_or_default());
    let stable = group.state == State::Stable;
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let members = group.members.iter().map(|(id, member)| {
        let described = DescribedGroupMember::default()
            .with_member_id(StrBytes::from_string(id.clone()))
            .with_client_id(StrBytes::from_string(member.client_id.clone()))
            .with_client_host(StrBytes::from_string(member.client_host.clone()));
        let instance = member.instance.clone().filter(|_| version >= 4);
        let described = described.with_group_instance_id(instance.map(StrBytes::from_string));
        if !stable {
            return described;
        }
        described
            .with_member_metadata(member.metadata(protocol).cloned().unwrap_or_default())
            .with_member_assignment(member.assignment.clone())
    });
    let described = DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_protocol_type(text(&group.protocol_type))
        .with_members(members.collect());
    if stable { described.with_protocol_data(text(&group.protocol)) } else { described }
}
