//! EndTxn: the end is written down, then its markers, then its offsets take effect, then this is
//! answered.

use super::{Cx, code, fenced};
use crate::transaction::Producer;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};

pub(super) async fn answer(cx: &mut Cx, request: EndTxnRequest) -> EndTxnResponse {
    let ended = end(cx, &request).await;
    let error = ended.err().map_or(0, |error| code(fenced(error, cx.version >= 2)));
    EndTxnResponse::default().with_error_code(error)
}

async fn end(cx: &Cx, request: &EndTxnRequest) -> Result<(), ResponseError> {
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let (id, commit) = (&request.transactional_id, request.committed);
    let (token, waiting) = cx.node.transactions.waiting.begin();
    cx.node.step_transactions(|transactions, now| {
        transactions.end(now, token, id, producer, commit)
    })?;
    // The decision, the markers and the offsets are safe by now. Should it be lost that they are
    // there, a start finds them.
    waiting.await.unwrap_or(Err(ResponseError::CoordinatorNotAvailable)).map(drop)
}
