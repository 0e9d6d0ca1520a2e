//! SyncGroup: the answer comes when the leader has said what is whose.

use super::{Cx, code, who};
use crate::connection::closed;
use crate::group::{Answer, Sync, Synced};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(cx: &mut Cx, request: SyncGroupRequest) -> SyncGroupResponse {
    match sync(cx, &request).await {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(synced.protocol.map(StrBytes::from_string))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(code(error)),
    }
}

async fn sync(cx: &Cx, request: &SyncGroupRequest) -> Result<Synced, ResponseError> {
    if cx.version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return Err(ResponseError::InconsistentGroupProtocol);
    }
    let assignments = request.assignments.iter().map(|assigned| {
        (assigned.member_id.to_string(), Bytes::copy_from_slice(&assigned.assignment))
    });
    let instance = request.group_instance_id.as_ref();
    let sync = Sync {
        group: &request.group_id,
        who: who(&request.member_id, instance, request.generation_id),
        protocol_type: request.protocol_type.as_deref(),
        protocol: request.protocol_name.as_deref(),
        assignments: assignments.collect(),
    };
    let (token, waiting) = cx.node.groups.waiting.begin();
    if let Err(error) = cx.node.step_groups(|groups, now| groups.sync(now, token, sync)) {
        cx.node.hang_up(&request.group_id, token);
        return Err(error);
    }
    let answer = tokio::select! {
        answer = waiting => answer.ok(),
        () = closed(&cx.socket) => {
            cx.node.hang_up(&request.group_id, token);
            None
        }
    };
    cx.node.settled().await?;
    match answer {
        Some(Answer::Sync(synced)) => synced,
        _ => Err(ResponseError::CoordinatorNotAvailable),
    }
}
