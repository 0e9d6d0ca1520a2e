//! DescribeGroups: who is in a group, and what is theirs.

use super::{Cx, code};
use crate::group::{DescribedMember, Description};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use kafka_protocol::protocol::StrBytes;

/// Everything one may do with a group, as bits: there is no authorization.
const OPERATIONS: i32 = 0b1101_0100_1000;

pub(super) async fn answer(cx: &mut Cx, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let operations = request.include_authorized_operations && cx.version >= 3;
    let known = cx.node.groups.groups();
    let groups = request.groups.into_iter().map(|id| {
        let described = match known.describe(&id) {
            Some(group) => describe(group, cx.version),
            None => unknown(&id, cx.version),
        };
        let described = described.with_group_id(id);
        if operations { described.with_authorized_operations(OPERATIONS) } else { described }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn unknown(id: &str, version: i16) -> DescribedGroup {
    let described = DescribedGroup::default().with_group_state(StrBytes::from_static_str("Dead"));
    if version < 6 {
        return described;
    }
    let why = format!("Group {id} not found.");
    described
        .with_error_code(code(ResponseError::GroupIdNotFound))
        .with_error_message(Some(StrBytes::from_string(why)))
}

fn describe(group: Description, version: i16) -> DescribedGroup {
    let members = group.members.into_iter().map(|described| member(described, version));
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_protocol_data(StrBytes::from_string(group.protocol))
        .with_members(members.collect())
}

fn member(member: DescribedMember, version: i16) -> DescribedGroupMember {
    let instance = member.instance.filter(|_| version >= 4);
    DescribedGroupMember::default()
        .with_member_id(StrBytes::from_string(member.id))
        .with_group_instance_id(instance.map(StrBytes::from_string))
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}
