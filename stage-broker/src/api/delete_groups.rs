//! DeleteGroups: those that nobody is in, with their offsets.

use super::{Cx, code};
use crate::group::State;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

pub(super) async fn answer(cx: &mut Cx, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        let mut deleted = delete(cx, &id);
        if cx.node.flush.settled().await.is_err() {
            deleted = Err(ResponseError::CoordinatorNotAvailable);
        }
        let error = deleted.err().map_or(0, code);
        results.push(DeletableGroupResult::default().with_group_id(id).with_error_code(error));
    }
    DeleteGroupsResponse::default().with_results(results)
}

fn delete(cx: &Cx, id: &str) -> Result<(), ResponseError> {
    if id.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let state = cx.node.groups.all.borrow().get(id).map(|group| group.state);
    let offsets = cx.node.offsets.borrow();
    match state {
        None if offsets.of(id).next().is_none() => return Err(ResponseError::GroupIdNotFound),
        Some(state) if state != State::Empty => return Err(ResponseError::NonEmptyGroup),
        _ if offsets.has_pending(id) => return Err(ResponseError::NonEmptyGroup),
        _ => {}
    }
    drop(offsets);
    cx.node.forget_group(id).map_err(|_| ResponseError::CoordinatorNotAvailable)
}
