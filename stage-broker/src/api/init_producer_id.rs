//! InitProducerId: who a producer is; under a transactional id, the one who may go on.

use super::{Cx, code, fenced};
use crate::transaction::{Init, Producer};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

pub(super) async fn answer(cx: &mut Cx, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let (producer, error) = match init(cx, &request).await {
        Ok(producer) => (producer, 0),
        Err(error) => (Producer::NONE, code(fenced(error, cx.version >= 4))),
    };
    InitProducerIdResponse::default()
        .with_error_code(error)
        .with_producer_id(ProducerId(producer.id))
        .with_producer_epoch(producer.epoch)
}

async fn init(cx: &Cx, request: &InitProducerIdRequest) -> Result<Producer, ResponseError> {
    let init = Init {
        transactional_id: request.transactional_id.as_ref().map(|id| id.as_str()),
        timeout: i64::from(request.transaction_timeout_ms),
        producer: Producer { id: request.producer_id.0, epoch: request.producer_epoch },
    };
    let producer =
        cx.node.step_transactions(|transactions, now| transactions.init(now, &init))??;
    cx.node.settled().await?;
    Ok(producer)
}
