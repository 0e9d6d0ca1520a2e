//! EndTxn: the end is written down, then its markers, then its offsets take effect, then this is
//! answered.

use super::{Cx, code, fenced};
use crate::transaction::Claim;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};

pub(super) async fn answer(cx: &mut Cx, request: EndTxnRequest) -> EndTxnResponse {
    let ended = end(cx, &request).await;
    let error = ended.err().map_or(0, |error| code(fenced(error, cx.version >= 2)));
    EndTxnResponse::default().with_error_code(error)
}

async fn end(cx: &Cx, request: &EndTxnRequest) -> Result<(), ResponseError> {
    let now = cx.node.now();
    let id = &request.transactional_id;
    let claim = Claim { producer: request.producer_id.0, epoch: request.producer_epoch };
    let prepared = cx.node.step_transaction(id, |transaction| {
        let prepared = transaction.prepare(claim, request.committed, now)?;
        Ok((prepared, prepared))
    })?;
    if prepared { cx.node.complete(id, false).await } else { Ok(()) }
}
