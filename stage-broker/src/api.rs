//! What is served, in which versions, and by whom. ApiVersions answers from this table.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_transactions;
mod end_txn;
mod fetch;
mod find_coordinator;
mod head;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod places;
pub(crate) mod produce;
mod shape;
mod shapes;
mod sync_group;
mod twice;
mod txn_offset_commit;

use crate::answer::{Answer, Body};
use crate::connection::unreadable;
use crate::group::Who;
use crate::node::Node;
use bytes::{BufMut, Bytes};
use head::Head;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{self, ApiKey};
use kafka_protocol::protocol::{Decodable, HeaderVersion, StrBytes};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::TcpStream;

/// Who asks, and in which version.
pub(crate) struct Cx {
    pub(crate) node: Rc<Node>,
    pub(crate) version: i16,
    pub(crate) client_id: StrBytes,
    pub(crate) socket: Rc<TcpStream>,
    pub(crate) peer: IpAddr,
    /// Where this connection reached us, which is where we say we are.
    pub(crate) host: StrBytes,
    pub(crate) port: i32,
    /// What becomes of the answer.
    pub(crate) reply: Reply,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Answer,
    /// Nobody waits for it.
    Nothing,
    /// Nobody waits for it, and it is a refusal.
    HangUp,
}

impl Cx {
    pub(crate) fn new(
        node: Rc<Node>,
        socket: TcpStream,
        peer: IpAddr,
        host: StrBytes,
        port: i32,
    ) -> Cx {
        let client_id = StrBytes::default();
        let (socket, reply) = (Rc::new(socket), Reply::Answer);
        Cx { node, version: 0, client_id, socket, peer, host, port, reply }
    }
}

/// The code of an error.
pub(crate) fn code(error: ResponseError) -> i16 {
    error.code()
}

/// Whether a client knows who leads: there has been one leader, in epoch 0.
pub(crate) fn check_epoch(known: i32) -> Result<(), ResponseError> {
    match known {
        -1 | 0 => Ok(()),
        epoch if epoch > 0 => Err(ResponseError::UnknownLeaderEpoch),
        _ => Err(ResponseError::FencedLeaderEpoch),
    }
}

/// A fenced producer, in the words its client knows.
pub(crate) fn fenced(error: ResponseError, knows: bool) -> ResponseError {
    match error {
        ResponseError::ProducerFenced if !knows => ResponseError::InvalidProducerEpoch,
        other => other,
    }
}

/// Who speaks in a group.
pub(crate) fn who<'a>(member: &'a str, instance: Option<&'a StrBytes>, generation: i32) -> Who<'a> {
    Who { member, instance: instance.map(|instance| &**instance), generation }
}

/// An API: its key, and the versions that are served.
pub(crate) struct Served {
    pub(crate) key: i16,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

macro_rules! apis {
    ($($name:ident($request:ident, $response:ident) $min:literal..=$max:literal $module:ident)*) => {
        /// Everything that is served.
        pub(crate) const SERVED: &[Served] =
            &[$(Served { key: ApiKey::$name as i16, min: $min, max: $max }),*];

        /// Decodes a request, has it answered, encodes the answer.
        async fn dispatch(cx: &mut Cx, key: ApiKey, mut body: Bytes, out: &mut Answer) -> io::Result<()> {
            match key {
                $(ApiKey::$name => {
                    let request = messages::$request::decode(&mut body, cx.version).map_err(unreadable)?;
                    $module::answer(cx, request).await.write(out, cx.version)
                })*
                _ => Err(unreadable(format!("{key:?} is not served"))),
            }
        }

        /// Decodes a request.
        #[cfg(any(test, feature = "fuzz"))]
        fn decode(key: ApiKey, version: i16, mut body: Bytes) -> io::Result<()> {
            match key {
                $(ApiKey::$name => messages::$request::decode(&mut body, version).map(drop).map_err(unreadable),)*
                _ => Err(unreadable(format!("{key:?} is not served"))),
            }
        }

        /// The version of an answer's header.
        fn response_header(key: ApiKey, version: i16) -> i16 {
            match key {
                $(ApiKey::$name => messages::$response::header_version(version),)*
                _ => 0,
            }
        }
    };
}

apis! {
    Produce(ProduceRequest, ProduceResponse) 3..=11 produce
    Fetch(FetchRequest, FetchResponse) 4..=17 fetch
    ListOffsets(ListOffsetsRequest, ListOffsetsResponse) 1..=10 list_offsets
    Metadata(MetadataRequest, MetadataResponse) 0..=13 metadata
    OffsetCommit(OffsetCommitRequest, OffsetCommitResponse) 2..=9 offset_commit
    OffsetFetch(OffsetFetchRequest, OffsetFetchResponse) 1..=9 offset_fetch
    FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse) 0..=5 find_coordinator
    JoinGroup(JoinGroupRequest, JoinGroupResponse) 0..=9 join_group
    Heartbeat(HeartbeatRequest, HeartbeatResponse) 0..=4 heartbeat
    LeaveGroup(LeaveGroupRequest, LeaveGroupResponse) 0..=5 leave_group
    SyncGroup(SyncGroupRequest, SyncGroupResponse) 0..=5 sync_group
    DescribeGroups(DescribeGroupsRequest, DescribeGroupsResponse) 0..=6 describe_groups
    ListGroups(ListGroupsRequest, ListGroupsResponse) 0..=5 list_groups
    ApiVersions(ApiVersionsRequest, ApiVersionsResponse) 0..=4 api_versions
    CreateTopics(CreateTopicsRequest, CreateTopicsResponse) 2..=7 create_topics
    DeleteTopics(DeleteTopicsRequest, DeleteTopicsResponse) 1..=6 delete_topics
    DeleteRecords(DeleteRecordsRequest, DeleteRecordsResponse) 0..=2 delete_records
    InitProducerId(InitProducerIdRequest, InitProducerIdResponse) 0..=5 init_producer_id
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) 2..=4 offset_for_leader_epoch
    AddPartitionsToTxn(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse) 0..=3 add_partitions_to_txn
    AddOffsetsToTxn(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse) 0..=4 add_offsets_to_txn
    EndTxn(EndTxnRequest, EndTxnResponse) 0..=4 end_txn
    TxnOffsetCommit(TxnOffsetCommitRequest, TxnOffsetCommitResponse) 0..=4 txn_offset_commit
    DescribeAcls(DescribeAclsRequest, DescribeAclsResponse) 1..=3 describe_acls
    DescribeConfigs(DescribeConfigsRequest, DescribeConfigsResponse) 1..=4 describe_configs
    AlterConfigs(AlterConfigsRequest, AlterConfigsResponse) 0..=2 alter_configs
    DescribeLogDirs(DescribeLogDirsRequest, DescribeLogDirsResponse) 1..=4 describe_log_dirs
    CreatePartitions(CreatePartitionsRequest, CreatePartitionsResponse) 0..=3 create_partitions
    DeleteGroups(DeleteGroupsRequest, DeleteGroupsResponse) 0..=2 delete_groups
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse) 0..=1 incremental_alter_configs
    OffsetDelete(OffsetDeleteRequest, OffsetDeleteResponse) 0..=0 offset_delete
    DescribeCluster(DescribeClusterRequest, DescribeClusterResponse) 0..=2 describe_cluster
    DescribeProducers(DescribeProducersRequest, DescribeProducersResponse) 0..=0 describe_producers
    DescribeTransactions(DescribeTransactionsRequest, DescribeTransactionsResponse) 0..=0 describe_transactions
    ListTransactions(ListTransactionsRequest, ListTransactionsResponse) 0..=1 list_transactions
}

fn is_served(key: ApiKey, version: i16) -> bool {
    let served = SERVED.iter().find(|served| served.key == key as i16);
    served.is_some_and(|served| (served.min..=served.max).contains(&version))
}

/// Looks over what comes before it is decoded; leaves the request's own fields.
fn check(key: ApiKey, version: i16, body: &mut Bytes) -> io::Result<()> {
    if key.request_header_version(version) >= 2 {
        head::skip_tags(body)?;
    }
    if !shape::holds(key, version, body) {
        return Err(unreadable(format!("{key:?} version {version} is not what it says it is")));
    }
    Ok(())
}

/// Decodes a request and does nothing with it; whether it could be read.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn can_be_read(frame: Bytes) -> bool {
    let Ok(Head { key, version, mut body, .. }) = Head::read(frame) else { return false };
    is_served(key, version)
        && check(key, version, &mut body).is_ok()
        && decode(key, version, body).is_ok()
}

/// The whole answer to a frame; none if nobody waits for one.
///
/// # Errors
/// The frame cannot be read (`InvalidData`), or its answer cannot be written.
pub(crate) async fn answer(cx: &mut Cx, frame: Bytes) -> io::Result<Option<Answer>> {
    let Head { key, version, correlation, client, mut body } = Head::read(frame)?;
    if *cx.client_id.as_bytes() != *client {
        // A copy: what a group remembers must not keep a frame alive.
        let copy = Bytes::copy_from_slice(&client);
        cx.client_id = StrBytes::from_utf8(copy).map_err(unreadable)?;
    }
    cx.version = version;
    cx.reply = Reply::Answer;
    let mut out = Answer::new(correlation);
    if is_served(key, version) {
        if response_header(key, version) >= 1 {
            out.bytes.put_u8(0); // no tags
        }
        check(key, version, &mut body)?;
        dispatch(cx, key, body, &mut out).await?;
    } else if key == ApiKey::ApiVersions {
        api_versions::unsupported(&mut out.bytes)?;
    } else {
        return Err(unreadable(format!("{key:?} version {version} is not served")));
    }
    match cx.reply {
        Reply::Answer => {}
        Reply::Nothing => return Ok(None),
        Reply::HangUp => {
            return Err(unreadable("what was sent without a wait for its answer is refused"));
        }
    }
    Ok(Some(out))
}
