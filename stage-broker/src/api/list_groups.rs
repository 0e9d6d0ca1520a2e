//! ListGroups: all of them, or those in certain states.

use super::Cx;
use crate::group::State;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

pub(super) async fn answer(cx: &mut Cx, request: ListGroupsRequest) -> ListGroupsResponse {
    let known = cx.node.groups.all.borrow();
    let offsets = cx.node.offsets.borrow();
    let mut all: BTreeMap<&str, (State, &str)> =
        offsets.groups().map(|id| (id.as_str(), (State::Empty, ""))).collect();
    for (id, group) in known.iter() {
        all.insert(id, (group.state, group.protocol_type.as_deref().unwrap_or_default()));
    }
    let one_of = |filter: &[StrBytes], name: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let groups = all
        .into_iter()
        .filter(|(_, (state, _))| one_of(&request.states_filter, state.name()))
        .filter(|_| one_of(&request.types_filter, "classic"))
        .map(|(id, (state, protocol_type))| {
            let listed = ListedGroup::default()
                .with_group_id(GroupId(StrBytes::from_string(id.to_owned())))
                .with_protocol_type(StrBytes::from_string(protocol_type.to_owned()));
            let listed = match cx.version {
                4.. => listed.with_group_state(StrBytes::from_static_str(state.name())),
                _ => listed,
            };
            match cx.version {
                5.. => listed.with_group_type(StrBytes::from_static_str("classic")),
                _ => listed,
            }
        });
    ListGroupsResponse::default().with_groups(groups.collect())
}
