//! ListGroups: all of them, or those in certain states.

use super::Cx;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(cx: &mut Cx, request: ListGroupsRequest) -> ListGroupsResponse {
    let states: Vec<&str> = request.states_filter.iter().map(|name| &**name).collect();
    let types: Vec<&str> = request.types_filter.iter().map(|name| &**name).collect();
    let all = cx.node.groups.groups().list(&states, &types);
    let groups = all.into_iter().map(|group| {
        let listed = ListedGroup::default()
            .with_group_id(GroupId(StrBytes::from_string(group.group)))
            .with_protocol_type(StrBytes::from_string(group.protocol_type));
        let listed = match cx.version {
            4.. => listed.with_group_state(StrBytes::from_static_str(group.state.name())),
            _ => listed,
        };
        match cx.version {
            5.. => listed.with_group_type(StrBytes::from_static_str("classic")),
            _ => listed,
        }
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}
