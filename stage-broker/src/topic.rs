//! A topic: its partitions, its settings, and what a name may look like.

use crate::log;
use crate::partition::Partition;
use crate::settings;
use kafka_protocol::messages::TopicName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::rc::Rc;
use uuid::Uuid;

/// A topic. A changed one replaces the old.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: Uuid,
    /// The settings it was given.
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) rules: Rules,
    pub(crate) partitions: Vec<Rc<Partition>>,
}

/// What is remembered of a topic.
#[derive(Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) configs: BTreeMap<String, String>,
}

/// What a topic's settings say about its records.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) max_message_bytes: usize,
    pub(crate) append_time: bool,
    pub(crate) before_max_ms: i64,
    pub(crate) after_max_ms: i64,
    pub(crate) compact: bool,
    pub(crate) log: log::Settings,
}

impl Rules {
    /// From a topic's own settings, then the broker's, then Kafka's defaults.
    pub(crate) fn new(own: &BTreeMap<String, String>, broker: &BTreeMap<String, String>) -> Rules {
        let text = |name: &str| effective(name, own, broker).unwrap_or_default();
        let number = |name: &str| text(name).trim().parse::<i64>().unwrap_or(-1);
        let policy = text("cleanup.policy");
        let compact = policy.split(',').any(|part| part.trim() == "compact");
        Rules {
            max_message_bytes: number("max.message.bytes").max(0) as usize,
            append_time: text("message.timestamp.type") == "LogAppendTime",
            before_max_ms: number("message.timestamp.before.max.ms"),
            after_max_ms: number("message.timestamp.after.max.ms"),
            compact,
            log: log::Settings {
                segment_bytes: number("segment.bytes").clamp(1, i64::from(i32::MAX)) as u32,
                segment_ms: number("segment.ms"),
                retention_bytes: number("retention.bytes"),
                retention_ms: number("retention.ms"),
                delete: policy.split(',').any(|part| part.trim() == "delete"),
                compact,
                min_compaction_lag_ms: number("min.compaction.lag.ms"),
                max_compaction_lag_ms: number("max.compaction.lag.ms"),
                delete_retention_ms: number("delete.retention.ms"),
                min_dirty_ratio: text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
            },
        }
    }
}

/// The value of a topic's setting.
pub(crate) fn effective(
    name: &str,
    own: &BTreeMap<String, String>,
    broker: &BTreeMap<String, String>,
) -> Option<String> {
    let known = settings::topic(name)?;
    let value = own.get(name).or_else(|| broker.get(known.broker));
    Some(value.map_or_else(|| known.default.to_owned(), Clone::clone))
}

/// Whether a topic may have this name; else why not.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Err("Topic name is invalid: the empty string is not allowed".to_owned()),
        "." | ".." => Err("Topic name is invalid: '.' or '..' is not allowed".to_owned()),
        _ if name.len() > 249 => Err(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length 249"
        )),
        _ if !name.chars().all(allowed) => Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'"
        )),
        _ => Ok(()),
    }
}

/// Names that differ only in `.` and `_` are one in metrics, so they may not both exist.
pub(crate) fn collides(one: &str, other: &str) -> bool {
    one != other && one.replace('.', "_") == other.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        for good in ["a", "pizza-with.sauce_2", &"x".repeat(249)] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", ".", "..", "a b", "käse", "a/b", &"x".repeat(250)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(collides("a.b", "a_b") && !collides("a.b", "a.b") && !collides("ab", "a_b"));
    }

    #[test]
    fn a_topics_own_setting_beats_the_brokers() {
        let own = BTreeMap::from([("retention.ms".to_owned(), "5".to_owned())]);
        let broker = BTreeMap::from([
            ("log.retention.ms".to_owned(), "7".to_owned()),
            ("log.retention.bytes".to_owned(), "9".to_owned()),
        ]);
        let rules = Rules::new(&own, &broker);
        assert_eq!((rules.log.retention_ms, rules.log.retention_bytes), (5, 9));
        assert_eq!(rules.max_message_bytes, 1_048_588);
    }
}
