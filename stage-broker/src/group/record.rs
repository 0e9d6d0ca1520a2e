//! What survives a restart. A map: the latest value under a key counts, no value is a deletion.

use super::Time;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Under which name something is remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A group.
    Group(String),
    /// A group's offset of a topic's partition.
    Offset(String, String, i32),
    /// The same, in the open transaction of a producer id.
    Pending(i64, String, String, i32),
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Of a [`Key::Group`].
    Group(StoredGroup),
    /// Of a [`Key::Offset`] or a [`Key::Pending`].
    Offset(CommittedOffset),
}

/// One change to what is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Of what.
    pub(crate) key: Key,
    /// Its new value; none: it is gone.
    pub(crate) value: Option<Value>,
}

impl Record {
    pub(super) fn put_group(id: &str, group: StoredGroup) -> Record {
        Record { key: Key::Group(id.to_owned()), value: Some(Value::Group(group)) }
    }

    pub(super) fn offset(
        id: &str,
        topic: &str,
        partition: i32,
        value: Option<CommittedOffset>,
    ) -> Record {
        let key = Key::Offset(id.to_owned(), topic.to_owned(), partition);
        Record { key, value: value.map(Value::Offset) }
    }

    pub(super) fn pending(
        producer: i64,
        id: &str,
        topic: &str,
        partition: i32,
        value: Option<CommittedOffset>,
    ) -> Record {
        let key = Key::Pending(producer, id.to_owned(), topic.to_owned(), partition);
        Record { key, value: value.map(Value::Offset) }
    }
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommittedOffset {
    /// The next offset to be read.
    #[serde(rename = "o")]
    pub(crate) offset: i64,
    /// Leader epoch of the last read record; -1: unknown.
    #[serde(rename = "e")]
    pub(crate) leader_epoch: i32,
    /// What the committer wanted remembered beside it.
    #[serde(rename = "m")]
    pub(crate) metadata: String,
    /// When it was committed.
    #[serde(rename = "t")]
    pub(crate) committed: Time,
    /// When it expires, if the committer said so (OffsetCommit versions 2 to 4).
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Time>,
    /// The place of this commit among all commits: of two, the later written one counts, also when
    /// the earlier one's transaction ends after it.
    #[serde(rename = "n", default)]
    pub(crate) order: u64,
}

/// A group between rebalances. With members it is Stable, without it is Empty.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct StoredGroup {
    /// Of its members, now or once.
    pub(crate) protocol_type: Option<String>,
    /// Of the last rebalance.
    pub(crate) generation: i32,
    /// What its members agreed on.
    pub(crate) protocol: Option<String>,
    /// Member id of the leader.
    pub(crate) leader: Option<String>,
    /// When it became what it is.
    pub(crate) since: Time,
    /// In the order they joined.
    pub(crate) members: Vec<StoredMember>,
}

/// A member of a group between rebalances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMember {
    /// Member id.
    pub(crate) id: String,
    /// Group instance id, if it is a static member.
    pub(crate) instance: Option<String>,
    /// Client id.
    pub(crate) client_id: String,
    /// Client host.
    pub(crate) client_host: String,
    /// Its rebalance timeout.
    pub(crate) rebalance_timeout: Time,
    /// Its session timeout.
    pub(crate) session_timeout: Time,
    /// What it said about the group's protocol.
    pub(crate) subscription: Bytes,
    /// What is assigned to it.
    pub(crate) assignment: Bytes,
}
