//! LeaveGroup: members go, each with its own answer.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

pub(super) async fn answer(cx: &mut Cx, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let response = LeaveGroupResponse::default();
    if request.group_id.is_empty() {
        return response.with_error_code(code(ResponseError::InvalidGroupId));
    }
    let members = if cx.version >= 3 {
        request.members
    } else {
        vec![MemberIdentity::default().with_member_id(request.member_id)]
    };
    let left = members.iter().map(|who| {
        let instance = who.group_instance_id.as_deref();
        let left = cx.node.step_group(&request.group_id, false, |group, now, outcome| {
            group.leave(&who.member_id, instance, now, outcome)
        });
        left.unwrap_or(Err(ResponseError::UnknownMemberId)).err().map_or(0, code)
    });
    let left: Vec<i16> = left.collect();
    if cx.node.flush.settled().await.is_err() {
        return response.with_error_code(code(ResponseError::CoordinatorNotAvailable));
    }
    if cx.version < 3 {
        return response.with_error_code(left.first().copied().unwrap_or(0));
    }
    let members = members.into_iter().zip(left).map(|(who, error)| {
        MemberResponse::default()
            .with_member_id(who.member_id)
            .with_group_instance_id(who.group_instance_id)
            .with_error_code(error)
    });
    response.with_members(members.collect())
}
