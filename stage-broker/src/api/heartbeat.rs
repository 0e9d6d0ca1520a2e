//! Heartbeat: a member lives, and is told when it must come back.

use super::{Cx, code, who};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

pub(super) async fn answer(cx: &mut Cx, request: HeartbeatRequest) -> HeartbeatResponse {
    let now = cx.node.now();
    let who = who(&request.member_id, request.group_instance_id, request.generation_id);
    let mut groups = cx.node.groups.all.borrow_mut();
    let beat = match groups.get_mut(request.group_id.as_str()) {
        _ if request.group_id.is_empty() => Err(ResponseError::InvalidGroupId),
        Some(group) => group.heartbeat(&who, now),
        None => Err(ResponseError::UnknownMemberId),
    };
    let error = beat.err().map_or(0, code);
    HeartbeatResponse::default().with_error_code(error)
}
