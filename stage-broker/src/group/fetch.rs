//! OffsetFetch: how far somebody has read.

use super::Groups;
use super::state::Group;
use kafka_protocol::error::ResponseError;

/// Offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedTopic {
    /// Its name.
    pub(crate) name: String,
    /// Its partitions.
    pub(crate) partitions: Vec<FetchedOffset>,
}

/// An offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedOffset {
    /// Kafka's number of the partition.
    pub(crate) partition: i32,
    /// The next offset to be read; -1: none is committed.
    pub(crate) offset: i64,
    /// Leader epoch of the last read record; -1: unknown.
    pub(crate) leader_epoch: i32,
    /// What the committer wanted remembered.
    pub(crate) metadata: String,
    /// UNSTABLE_OFFSET_COMMIT: a transaction is about to change it.
    pub(crate) error: Option<ResponseError>,
}

impl Groups {
    /// Answers OffsetFetch, for these topics and partitions or for all that have offsets. A group
    /// that nobody knows has no offsets; that is no error.
    pub(crate) fn fetch(
        &self,
        group: &str,
        topics: Option<&[(&str, Vec<i32>)]>,
        require_stable: bool,
    ) -> Vec<FetchedTopic> {
        let group = self.all.get(group);
        let fetch =
            |topic: &str, partition| FetchedOffset::of(group, topic, partition, require_stable);
        let fetched = |name: &str, partitions: &mut dyn Iterator<Item = i32>| FetchedTopic {
            name: name.to_owned(),
            partitions: partitions.map(|partition| fetch(name, partition)).collect(),
        };
        match (topics, group) {
            (Some(topics), _) => {
                topics.iter().map(|(name, all)| fetched(name, &mut all.iter().copied())).collect()
            }
            (None, Some(group)) => {
                let topics = group.offsets.topics();
                topics.map(|(name, all)| fetched(name, &mut all.keys().copied())).collect()
            }
            (None, None) => Vec::new(),
        }
    }
}

impl FetchedOffset {
    /// None is committed; perhaps there is a reason.
    fn nothing(partition: i32, error: Option<ResponseError>) -> FetchedOffset {
        FetchedOffset { partition, offset: -1, leader_epoch: -1, metadata: String::new(), error }
    }

    /// It is not to be told.
    pub(crate) fn refuse(&mut self, error: ResponseError) {
        *self = FetchedOffset::nothing(self.partition, Some(error));
    }

    fn of(
        group: Option<&Group>,
        topic: &str,
        partition: i32,
        require_stable: bool,
    ) -> FetchedOffset {
        let nothing = FetchedOffset::nothing(partition, None);
        let Some(group) = group else { return nothing };
        if require_stable && group.is_open(topic, partition) {
            return FetchedOffset { error: Some(ResponseError::UnstableOffsetCommit), ..nothing };
        }
        let Some(committed) = group.offsets.get(topic, partition) else { return nothing };
        FetchedOffset {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            ..nothing
        }
    }
}

impl Group {
    /// Whether an open transaction is about to change this offset.
    pub(super) fn is_open(&self, topic: &str, partition: i32) -> bool {
        self.open.values().any(|offsets| offsets.get(topic, partition).is_some())
    }
}
