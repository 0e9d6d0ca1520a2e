//! DeleteGroups: those that nobody is in, with their offsets.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

pub(super) async fn answer(cx: &mut Cx, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        let error = delete(cx, &id).await.err().map_or(0, code);
        results.push(DeletableGroupResult::default().with_group_id(id).with_error_code(error));
    }
    DeleteGroupsResponse::default().with_results(results)
}

async fn delete(cx: &Cx, id: &str) -> Result<(), ResponseError> {
    cx.node.step_groups(|groups, _| groups.delete(id))??;
    cx.node.settled().await
}
