//! AddOffsetsToTxn: the group whose offsets will be in a transaction.

use super::{Cx, code, fenced};
use crate::transaction::Claim;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let now = cx.node.now();
    let claim = Claim { producer: request.producer_id.0, epoch: request.producer_epoch };
    let mut added = if request.group_id.is_empty() {
        Err(ResponseError::InvalidGroupId)
    } else {
        cx.node.step_transaction(&request.transactional_id, |transaction| {
            Ok(((), transaction.add_group(claim, &request.group_id, now)?))
        })
    };
    if cx.node.flush.settled().await.is_err() {
        added = Err(ResponseError::CoordinatorNotAvailable);
    }
    let error = added.err().map_or(0, |error| code(fenced(error, cx.version >= 2)));
    AddOffsetsToTxnResponse::default().with_error_code(error)
}
