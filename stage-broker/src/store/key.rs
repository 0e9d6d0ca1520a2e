//! What there is to remember.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Under which name something is remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Key {
    /// The cluster's id.
    #[serde(rename = "c")]
    Cluster,
    /// The broker's settings that were changed while it ran.
    #[serde(rename = "b")]
    Broker,
    /// The first producer id not yet given away.
    #[serde(rename = "i")]
    ProducerIds,
    /// A topic.
    #[serde(rename = "t")]
    Topic(Uuid),
    /// The directory of a deleted topic that is not removed yet.
    #[serde(rename = "d")]
    Gone(Uuid),
    /// Before which offset the records of a partition were deleted.
    #[serde(rename = "s")]
    Start(Uuid, i32),
    /// A group.
    #[serde(rename = "g")]
    Group(String),
    /// A group's offset of a topic's partition.
    #[serde(rename = "o")]
    Offset(String, String, i32),
    /// A transaction.
    #[serde(rename = "x")]
    Transaction(String),
    /// A producer's offset for a group's topic and partition, in its open transaction.
    #[serde(rename = "p")]
    Pending(i64, String, String, i32),
}
