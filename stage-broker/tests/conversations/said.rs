//! Error codes as results, and the little conversions the protocol's types want.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{BrokerId, GroupId, ProducerId, TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;

/// What was said: fine, or an error code.
pub(crate) type Said<T = ()> = Result<T, ResponseError>;

pub(crate) fn said(code: i16) -> Said {
    ResponseError::try_from_code(code).map_or(Ok(()), Err)
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn group_id(name: &str) -> GroupId {
    GroupId(text(name))
}

pub(crate) fn transactional_id(name: &str) -> TransactionalId {
    TransactionalId(text(name))
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}

/// Nobody: a client that is no replica.
pub(crate) const CLIENT: BrokerId = BrokerId(-1);

/// No producer id.
pub(crate) const NO_PRODUCER: ProducerId = ProducerId(-1);
