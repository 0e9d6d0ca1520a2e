//! SyncGroup: the answer comes when the leader has said what is whose.

use super::{Cx, code, who};
use crate::group::{Sync, Synced};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(cx: &mut Cx, request: SyncGroupRequest) -> SyncGroupResponse {
    match sync(cx, request).await {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(synced.protocol.map(StrBytes::from_string))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(code(error)),
    }
}

async fn sync(cx: &Cx, request: SyncGroupRequest) -> Result<Synced, ResponseError> {
    if request.group_id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let assignments = request.assignments.into_iter().map(|assigned| {
        (assigned.member_id.to_string(), Bytes::copy_from_slice(&assigned.assignment))
    });
    let (token, waiting) = cx.node.groups.park_sync();
    let sync = Sync {
        who: who(&request.member_id, request.group_instance_id, request.generation_id),
        protocol_type: request.protocol_type.map(|name| name.to_string()),
        protocol: request.protocol_name.map(|name| name.to_string()),
        assignments: assignments.collect(),
        token,
    };
    let id = &request.group_id;
    let step =
        cx.node.step_group(id, false, |group, now, outcome| *outcome = group.sync(sync, now));
    if step.is_none() {
        cx.node.groups.unpark(token);
        return Err(ResponseError::UnknownMemberId);
    }
    waiting.await.unwrap_or(Err(ResponseError::CoordinatorNotAvailable))
}
