//! DescribeAcls: there is no authorization, and that is the answer.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{DescribeAclsRequest, DescribeAclsResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(_: &mut Cx, _: DescribeAclsRequest) -> DescribeAclsResponse {
    DescribeAclsResponse::default()
        .with_error_code(code(ResponseError::SecurityDisabled))
        .with_error_message(Some(StrBytes::from_static_str("No Authorizer is configured.")))
}
