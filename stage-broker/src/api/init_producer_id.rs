//! InitProducerId: who a producer is; under a transactional id, the one who may go on.

use super::{Cx, code, fenced};
use crate::transaction::Claim;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

pub(super) async fn answer(cx: &mut Cx, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let response = InitProducerIdResponse::default();
    match init(cx, request).await {
        Ok(claim) => {
            response.with_producer_id(ProducerId(claim.producer)).with_producer_epoch(claim.epoch)
        }
        Err(error) => response
            .with_error_code(code(fenced(error, cx.version >= 4)))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}

async fn init(cx: &Cx, request: InitProducerIdRequest) -> Result<Claim, ResponseError> {
    let Some(id) = request.transactional_id else {
        let storage = |_| ResponseError::CoordinatorNotAvailable;
        let producer = cx.node.new_producer_id().map_err(storage)?;
        cx.node.flush.settled().await.map_err(storage)?;
        return Ok(Claim { producer, epoch: 0 });
    };
    if id.is_empty() {
        return Err(ResponseError::InvalidRequest);
    }
    let timeout_ms = i64::from(request.transaction_timeout_ms);
    if timeout_ms <= 0 || timeout_ms > cx.node.number("transaction.max.timeout.ms") {
        return Err(ResponseError::InvalidTransactionTimeout);
    }
    let claim = match (request.producer_id.0, request.producer_epoch) {
        (-1, -1) => None,
        (producer, epoch) if producer >= 0 && epoch >= 0 => Some(Claim { producer, epoch }),
        _ => return Err(ResponseError::InvalidRequest),
    };
    cx.node.init_transaction(&id, claim.filter(|_| cx.version >= 3), timeout_ms).await
}
