//! DescribeCluster: one broker, which is its own controller.

use super::metadata::CLUSTER_OPERATIONS;
use super::{Cx, code};
use crate::node::NODE;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(
    cx: &mut Cx,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let response = DescribeClusterResponse::default();
    if cx.version >= 1 && request.endpoint_type != 1 {
        let why = "The request was sent to an endpoint of the wrong type.";
        return response
            .with_error_code(code(ResponseError::MismatchedEndpointType))
            .with_error_message(Some(StrBytes::from_static_str(why)));
    }
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE))
        .with_host(cx.host.clone())
        .with_port(cx.port);
    let all = request.include_cluster_authorized_operations;
    response
        .with_cluster_id(StrBytes::from_string(cx.node.cluster.clone()))
        .with_controller_id(BrokerId(NODE))
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(if all { CLUSTER_OPERATIONS } else { i32::MIN })
}
