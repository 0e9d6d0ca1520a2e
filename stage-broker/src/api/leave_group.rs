//! LeaveGroup: members go, each with its own answer.

use super::{Cx, code};
use crate::group::Leaving;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

pub(super) async fn answer(cx: &mut Cx, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let response = LeaveGroupResponse::default();
    let members = if cx.version >= 3 {
        request.members
    } else {
        vec![MemberIdentity::default().with_member_id(request.member_id)]
    };
    let left = match leave(cx, &request.group_id, &members).await {
        Ok(left) => left,
        Err(error) => return response.with_error_code(code(error)),
    };
    let mut codes = left.into_iter().map(|left| left.err().map_or(0, code));
    if cx.version < 3 {
        return response.with_error_code(codes.next().unwrap_or(0));
    }
    let members = members.into_iter().zip(codes).map(|(who, error)| {
        MemberResponse::default()
            .with_member_id(who.member_id)
            .with_group_instance_id(who.group_instance_id)
            .with_error_code(error)
    });
    response.with_members(members.collect())
}

async fn leave(
    cx: &Cx,
    group: &str,
    members: &[MemberIdentity],
) -> Result<Vec<Result<(), ResponseError>>, ResponseError> {
    let leaving = members
        .iter()
        .map(|who| Leaving { member: &who.member_id, instance: who.group_instance_id.as_deref() });
    let leaving: Vec<_> = leaving.collect();
    let left = cx.node.step_groups(|groups, now| groups.leave(now, group, &leaving))??;
    cx.node.settled().await?;
    Ok(left)
}
