//! JoinGroup: the answer comes when everybody has joined.

use super::{Cx, code};
use crate::connection::closed;
use crate::group::{Join, Joined, Protocol};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

pub(super) async fn answer(cx: &mut Cx, request: JoinGroupRequest) -> JoinGroupResponse {
    match join(cx, request).await {
        Ok(joined) => accepted(cx, joined),
        Err((error, member)) => {
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

async fn join(cx: &Cx, request: JoinGroupRequest) -> Result<Joined, (ResponseError, String)> {
    let member = request.member_id.to_string();
    check(cx, &request).map_err(|error| (error, member.clone()))?;
    let id = request.group_id.to_string();
    let instance = request.group_instance_id.map(|instance| instance.to_string());
    let client_id = cx.client_id.to_string();
    let name = instance.as_deref().unwrap_or(&client_id);
    let new_id = format!("{name}-{}", Uuid::new_v4());
    let session_ms = i64::from(request.session_timeout_ms);
    let rebalance_ms = i64::from(request.rebalance_timeout_ms);
    let protocols = request.protocols.into_iter().map(|protocol| Protocol {
        name: protocol.name.to_string(),
        // A copy: what a group remembers must not keep a frame alive.
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    });
    let make = member.is_empty();
    let (token, waiting) = cx.node.groups.park_join();
    let join = Join {
        member: member.clone(),
        instance,
        client_host: format!("/{}", cx.peer),
        session_ms,
        rebalance_ms: if cx.version >= 1 { rebalance_ms } else { session_ms },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        id_first: cx.version >= 4,
        new_id,
        token,
        client_id,
    };
    let step =
        cx.node.step_group(&id, make, |group, now, outcome| *outcome = group.join(join, now));
    if step.is_none() {
        cx.node.groups.unpark(token);
        return Err((ResponseError::UnknownMemberId, member));
    }
    let answer = tokio::select! {
        answer = waiting => answer.ok(),
        // Nobody will ever learn this member's id, or come back with it.
        () = closed(&cx.socket) => {
            cx.node.step_group(&id, false, |group, now, outcome| *outcome = group.abandon(token, now));
            None
        }
    };
    answer.unwrap_or(Err((ResponseError::CoordinatorNotAvailable, member)))
}

fn check(cx: &Cx, request: &JoinGroupRequest) -> Result<(), ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let session = i64::from(request.session_timeout_ms);
    let least = cx.node.number("group.min.session.timeout.ms");
    if session < least || session > cx.node.number("group.max.session.timeout.ms") {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    if !cx.node.has_room_for_group(&request.group_id) {
        return Err(ResponseError::PolicyViolation);
    }
    Ok(())
}

fn accepted(cx: &Cx, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|(id, instance, metadata)| {
        let member = JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from_string(id))
            .with_metadata(metadata);
        let instance = instance.filter(|_| cx.version >= 5);
        member.with_group_instance_id(instance.map(StrBytes::from_string))
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(Some(StrBytes::from_string(joined.protocol.unwrap_or_default())))
        .with_leader(StrBytes::from_string(joined.leader))
        .with_member_id(StrBytes::from_string(joined.member))
        .with_members(members.collect())
        .with_skip_assignment(joined.skip_assignment && cx.version >= 9)
}
