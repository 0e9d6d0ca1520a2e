//! ApiVersions: what is served, and that it is.

use crate::ask::topic::{create, list_offsets, metadata};
use crate::ask::transaction::init;
use crate::said::{said, text};
use crate::talk::Talk;
use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::ResponseError::{InvalidRequest, UnsupportedVersion};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, DescribeGroupsRequest,
    FindCoordinatorRequest, ListGroupsRequest, ListTransactionsRequest,
};
use kafka_protocol::protocol::{Decodable, Request};

const VERSIONS: [i16; 4] = [0, 2, 3, 4];

fn request(version: i16) -> ApiVersionsRequest {
    let request = ApiVersionsRequest::default();
    match version >= 3 {
        true => {
            request.with_client_software_name(text("me")).with_client_software_version(text("1"))
        }
        false => request,
    }
}

fn range(k: &mut Talk, key: ApiKey) -> (i16, i16) {
    let answer = k.ask(0, &request(0));
    let found = answer.api_keys.iter().find(|api| api.api_key == key as i16).expect("the API");
    (found.min_version, found.max_version)
}

conversation!(the_versions_are_listed, VERSIONS, |k, v| {
    let answer = k.ask(v, &request(v));
    assert_eq!(said(answer.error_code), Ok(()));
    assert!(answer.api_keys.iter().all(|api| api.min_version <= api.max_version));
    let keys: Vec<_> = answer.api_keys.iter().map(|api| api.api_key).collect();
    for key in (0..=3).chain(8..=16).chain([18, 19, 20, 22, 24, 25, 26, 28]) {
        assert!(keys.contains(&key), "{key} is not in {keys:?}");
    }
});

conversation!(old_and_new_clients_find_their_versions, |k| {
    let wanted = [
        (ApiKey::Produce, 3, 11),
        (ApiKey::Fetch, 4, 12),
        (ApiKey::ListOffsets, 1, 7),
        (ApiKey::Metadata, 1, 12),
        (ApiKey::OffsetCommit, 2, 8),
        (ApiKey::OffsetFetch, 1, 8),
        (ApiKey::FindCoordinator, 0, 4),
        (ApiKey::JoinGroup, 2, 9),
        (ApiKey::SyncGroup, 1, 5),
        (ApiKey::Heartbeat, 1, 4),
        (ApiKey::LeaveGroup, 1, 5),
        (ApiKey::InitProducerId, 0, 4),
        (ApiKey::AddPartitionsToTxn, 0, 3),
        (ApiKey::AddOffsetsToTxn, 0, 3),
        (ApiKey::EndTxn, 0, 3),
        (ApiKey::TxnOffsetCommit, 0, 3),
    ];
    for (key, lowest, highest) in wanted {
        let (min, max) = range(k, key);
        assert!(min <= lowest && max >= highest, "{key:?} {min} to {max}");
    }
});

conversation!(an_unknown_version_is_answered_in_the_first, |k| {
    let mut frame = BytesMut::new();
    frame.put_i16(18);
    frame.put_i16(99);
    frame.put_i32(7);
    frame.put_i16(-1); // no client id
    frame.put_u8(0); // no tagged fields
    k.send_frame(&frame);
    let mut answer = k.receive().expect("an answer");
    assert_eq!(answer.get_i32(), 7);
    let answer = ApiVersionsResponse::decode(&mut answer, 0).expect("version 0");
    assert_eq!(said(answer.error_code), Err(UnsupportedVersion));
    let own = answer.api_keys.iter().find(|api| api.api_key == 18).expect("itself");
    assert!(own.max_version >= 3);
    // And the connection goes on.
    assert_eq!(said(k.ask(0, &request(0)).error_code), Ok(()));
});

conversation!(a_client_has_a_name, [3, 4], |k, v| {
    let answer = k.ask(v, &request(v).with_client_software_name(text("not a name!")));
    assert_eq!(said(answer.error_code), Err(InvalidRequest));
});

/// Asks in every version that is advertised, and that we know.
fn is_served<R: Request>(k: &mut Talk, ask: impl Fn(i16) -> R) {
    let (min, max) = range(k, ApiKey::try_from(R::KEY).expect("an API"));
    let mut line = k.line();
    for version in min.max(R::VERSIONS.min)..=max.min(R::VERSIONS.max) {
        line.ask(version, &ask(version));
    }
}

conversation!(metadata_is_served_in_all_its_versions, |k| {
    is_served(k, |_| metadata(&["nothing"]));
});

conversation!(coordinators_are_found_in_all_versions, |k| {
    is_served(k, |version| match version {
        4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![text("group")]),
        _ => FindCoordinatorRequest::default().with_key(text("group")),
    });
});

conversation!(offsets_are_listed_in_all_versions, |k| {
    let topic = k.topic(1);
    is_served(k, |_| list_offsets(&topic, -1));
});

conversation!(groups_are_listed_and_described_in_all_versions, |k| {
    is_served(k, |_| ListGroupsRequest::default());
    is_served(k, |_| DescribeGroupsRequest::default().with_groups(vec![]));
});

conversation!(admin_requests_are_served_in_all_versions, |k| {
    is_served(k, |_| create(vec![]));
    is_served(k, |_| DescribeClusterRequest::default());
    is_served(k, |_| ListTransactionsRequest::default());
});

conversation!(producer_ids_are_given_in_all_versions, |k| {
    k.producer();
    is_served(k, |_| init(None, 0));
});
