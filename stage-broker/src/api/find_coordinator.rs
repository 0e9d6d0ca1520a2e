//! FindCoordinator: this node, of every group and every transaction.

use super::{Cx, code};
use crate::node::NODE;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(
    cx: &mut Cx,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let known = matches!(request.key_type, 0 | 1);
    let response = FindCoordinatorResponse::default();
    if cx.version >= 4 {
        let all = request.coordinator_keys.into_iter().map(|key| {
            let found = Coordinator::default().with_key(key);
            if known {
                found.with_node_id(BrokerId(NODE)).with_host(cx.host.clone()).with_port(cx.port)
            } else {
                found
                    .with_node_id(BrokerId(-1))
                    .with_port(-1)
                    .with_error_code(code(ResponseError::InvalidRequest))
            }
        });
        return response.with_coordinators(all.collect());
    }
    if known {
        // The message that a coordinator was found is Kafka's.
        let none = (cx.version >= 1).then(|| StrBytes::from_static_str("NONE"));
        return response
            .with_node_id(BrokerId(NODE))
            .with_host(cx.host.clone())
            .with_port(cx.port)
            .with_error_message(none);
    }
    response
        .with_node_id(BrokerId(-1))
        .with_port(-1)
        .with_error_code(code(ResponseError::InvalidRequest))
}
