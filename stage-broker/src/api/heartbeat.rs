//! Heartbeat: a member lives, and is told when it must come back.

use super::{Cx, code, who};
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

pub(super) async fn answer(cx: &mut Cx, request: HeartbeatRequest) -> HeartbeatResponse {
    let instance = request.group_instance_id.as_ref();
    let who = who(&request.member_id, instance, request.generation_id);
    let mut groups = cx.node.groups.groups_mut();
    let beat = groups.heartbeat(cx.node.steady_now(), &request.group_id, &who);
    HeartbeatResponse::default().with_error_code(beat.err().map_or(0, code))
}
