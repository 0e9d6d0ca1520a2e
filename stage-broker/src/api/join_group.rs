//! JoinGroup: the answer comes when everybody has joined.

use super::{Cx, code};
use crate::connection::closed;
use crate::group::{Answer, Join, JoinRefused, Joined, Protocol};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

pub(super) async fn answer(cx: &mut Cx, request: JoinGroupRequest) -> JoinGroupResponse {
    match join(cx, request).await {
        Ok(joined) => accepted(cx, joined),
        Err(JoinRefused { error, member }) => {
            // Before version 7 a missing protocol is an empty one.
            let none = (cx.version < 7).then(StrBytes::default);
            JoinGroupResponse::default()
                .with_error_code(code(error))
                .with_generation_id(-1)
                .with_protocol_name(none)
                .with_member_id(StrBytes::from_string(member))
        }
    }
}

async fn join(cx: &Cx, request: JoinGroupRequest) -> Result<Joined, JoinRefused> {
    let (group, member) = (request.group_id.to_string(), request.member_id.to_string());
    let refuse = |error| JoinRefused { error, member };
    if !cx.node.has_room_for_group(&group) {
        return Err(refuse(ResponseError::PolicyViolation));
    }
    let join = read(cx, request);
    let (token, waiting) = cx.node.groups.waiting.begin();
    if let Err(error) = cx.node.step_groups(|groups, now| groups.join(now, token, join)) {
        cx.node.hang_up(&group, token);
        return Err(refuse(error));
    }
    let answer = tokio::select! {
        answer = waiting => answer.ok(),
        // A new member that was not told its id cannot come back under it: nobody waits for it.
        () = closed(&cx.socket) => {
            cx.node.hang_up(&group, token);
            None
        }
    };
    match (answer, cx.node.settled().await) {
        (Some(Answer::Join(joined)), Ok(())) => joined,
        _ => Err(refuse(ResponseError::CoordinatorNotAvailable)),
    }
}

fn read(cx: &Cx, request: JoinGroupRequest) -> Join {
    let session_timeout = i64::from(request.session_timeout_ms);
    let rebalance_timeout = i64::from(request.rebalance_timeout_ms);
    let protocols = request.protocols.into_iter().map(|protocol| Protocol {
        name: protocol.name.to_string(),
        // A copy: what a group remembers must not keep a frame alive.
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    });
    Join {
        group: request.group_id.to_string(),
        member: request.member_id.to_string(),
        instance: request.group_instance_id.map(|instance| instance.to_string()),
        unique: Uuid::new_v4().to_string(),
        client_id: cx.client_id.to_string(),
        client_host: format!("/{}", cx.peer),
        session_timeout,
        rebalance_timeout: if cx.version >= 1 { rebalance_timeout } else { session_timeout },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        requires_member_id: cx.version >= 4,
        can_skip_assignment: cx.version >= 9,
    }
}

fn accepted(cx: &Cx, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        let instance = member.instance.filter(|_| cx.version >= 5);
        JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from_string(member.id))
            .with_metadata(member.metadata)
            .with_group_instance_id(instance.map(StrBytes::from_string))
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(Some(StrBytes::from_string(joined.protocol.unwrap_or_default())))
        .with_leader(StrBytes::from_string(joined.leader))
        .with_member_id(StrBytes::from_string(joined.member))
        .with_members(members.collect())
        .with_skip_assignment(joined.skip_assignment)
}
