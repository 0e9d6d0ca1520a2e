//! Kafka's own settings of a topic, to tell a misspelt one.

use super::problem::nearest;

/// Those of Apache Kafka 4.1. Brokers of other makers and times have more.
const KNOWN: [&str; 33] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// What is wrong with a setting, as far as that can be told without asking the broker.
pub(super) fn wrong(name: &str, value: &str) -> Option<String> {
    if name == "max.message.bytes" && value.parse::<i32>().is_ok_and(|bytes| bytes >= 0) {
        return None;
    }
    if name == "max.message.bytes" {
        return Some(format!("= {value:?} is no number of bytes; give for example 1048588"));
    }
    let near = nearest(name, KNOWN.into_iter()).filter(|near| *near != name)?;
    Some(format!("is unknown; did you mean {near:?}?"))
}
