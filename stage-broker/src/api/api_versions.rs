//! ApiVersions: what is served, in which versions.

use super::{Cx, SERVED, code};
use bytes::BytesMut;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::Encodable;
use std::io;

pub(super) async fn answer(cx: &mut Cx, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let response = ApiVersionsResponse::default();
    if cx.version >= 3
        && !(valid(&request.client_software_name) && valid(&request.client_software_version))
    {
        return response.with_error_code(code(ResponseError::InvalidRequest));
    }
    response.with_api_keys(served()).with_finalized_features_epoch(0)
}

/// The answer to a version that is not served: in version 0, with the versions that are.
pub(super) fn unsupported(out: &mut BytesMut) -> io::Result<()> {
    let known = served().into_iter().filter(|api| api.api_key == ApiKey::ApiVersions as i16);
    let response = ApiVersionsResponse::default()
        .with_error_code(code(ResponseError::UnsupportedVersion))
        .with_api_keys(known.collect());
    response.encode(out, 0).map_err(io::Error::other)
}

fn served() -> Vec<ApiVersion> {
    let all = SERVED.iter().map(|served| {
        // librdkafka before 2.10 does not compress unless it sees version 0 of Produce.
        let produce = served.key == ApiKey::Produce as i16;
        ApiVersion::default()
            .with_api_key(served.key)
            .with_min_version(if produce { 0 } else { served.min })
            .with_max_version(served.max)
    });
    all.collect()
}

/// Letters, digits, dots and hyphens, neither at an end.
fn valid(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.chars().all(inner) && end(name.chars().next()) && end(name.chars().next_back())
}
