//! AddOffsetsToTxn: the group whose offsets will be in a transaction.

use super::{Cx, code, fenced};
use crate::transaction::Producer;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let added = add(cx, &request).await;
    let error = added.err().map_or(0, |error| code(fenced(error, cx.version >= 2)));
    AddOffsetsToTxnResponse::default().with_error_code(error)
}

async fn add(cx: &Cx, request: &AddOffsetsToTxnRequest) -> Result<(), ResponseError> {
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let (id, group) = (&request.transactional_id, &request.group_id);
    cx.node.step_transactions(|transactions, now| {
        transactions.add_group(now, id, producer, group)
    })??;
    cx.node.settled().await
}
