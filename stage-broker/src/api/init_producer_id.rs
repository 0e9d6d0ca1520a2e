//! InitProducerId: who a producer is.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

pub(super) async fn answer(cx: &mut Cx, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let _ = request;
    let response = InitProducerIdResponse::default();
    match cx.node.new_producer_id() {
        Ok(id) => response.with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(_) => response
            .with_error_code(code(ResponseError::KafkaStorageError))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}
