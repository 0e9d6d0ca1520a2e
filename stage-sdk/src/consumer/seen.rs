//! How far librdkafka has read, by its statistics: rdkafka has no call for it.

use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Between two statistics, in milliseconds.
pub(super) const EVERY: &str = "1000";

#[derive(Deserialize)]
struct Statistics {
    topics: HashMap<String, Topic>,
}

#[derive(Deserialize)]
struct Topic {
    partitions: HashMap<i32, Partition>,
}

#[derive(Deserialize)]
struct Partition {
    /// Records that are here and not handed out.
    fetchq_cnt: i64,
    next_offset: i64,
}

/// The partitions of which everything that was read is handed out: topic, number, next offset.
#[derive(Default)]
pub(super) struct Seen(Mutex<Vec<(String, i32, i64)>>);

impl Seen {
    /// Reads statistics; what they do not say stays unknown.
    pub(super) fn take(&self, statistics: &[u8]) {
        let topics = serde_json::from_slice(statistics).map(|s: Statistics| s.topics);
        let mut seen = Vec::new();
        for (name, topic) in topics.unwrap_or_default() {
            for (number, partition) in topic.partitions {
                if partition.fetchq_cnt == 0 && number >= 0 {
                    seen.push((name.clone(), number, partition.next_offset));
                }
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    pub(super) fn all(&self) -> Vec<(String, i32, i64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn what_is_still_queued_is_not_seen() {
        let seen = Seen::default();
        let text = r#"{"name":"x","topics":{"in":{"topic":"in","partitions":{
            "0":{"partition":0,"fetchq_cnt":0,"next_offset":7},
            "1":{"partition":1,"fetchq_cnt":2,"next_offset":9},
            "-1":{"partition":-1,"fetchq_cnt":0,"next_offset":0}}}}}"#;
        seen.take(text.as_bytes());
        assert_eq!(seen.all(), [("in".to_owned(), 0, 7)]);
        seen.take(b"no statistics");
        assert!(seen.all().is_empty());
    }
}
