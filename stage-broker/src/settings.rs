//! Kafka's own settings that are honoured or shown: of topics, and of the broker.

/// What a setting's value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// At least this; 32 bits.
    Int(i64),
    /// At least this; 64 bits.
    Long(i64),
    /// Between 0 and 1.
    Ratio,
    /// One of these.
    One(&'static [&'static str]),
    /// Some of these.
    Some(&'static [&'static str]),
    Text,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    /// The broker's setting that is its default, for a topic's.
    pub(crate) broker: &'static str,
}

const fn known(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    broker: &'static str,
) -> Known {
    Known { name, default, kind, broker }
}

/// Batches stay as they came: no other compression can be promised.
const CODECS: &[&str] = &["producer"];
const TIMES: &[&str] = &["CreateTime", "LogAppendTime"];
const NEVER: &str = "9223372036854775807";

/// What a topic can be told.
pub(crate) const TOPIC: &[Known] = &[
    known("cleanup.policy", "delete", Kind::Some(&["compact", "delete"]), "log.cleanup.policy"),
    known("compression.type", "producer", Kind::One(CODECS), "compression.type"),
    known("delete.retention.ms", "86400000", Kind::Long(0), "log.cleaner.delete.retention.ms"),
    known("file.delete.delay.ms", "60000", Kind::Long(0), "log.segment.delete.delay.ms"),
    known("flush.messages", NEVER, Kind::Long(1), "log.flush.interval.messages"),
    known("flush.ms", NEVER, Kind::Long(0), "log.flush.interval.ms"),
    known("index.interval.bytes", "4096", Kind::Int(0), "log.index.interval.bytes"),
    known("max.compaction.lag.ms", NEVER, Kind::Long(1), "log.cleaner.max.compaction.lag.ms"),
    known("max.message.bytes", "1048588", Kind::Int(0), "message.max.bytes"),
    known(
        "message.timestamp.after.max.ms",
        "3600000",
        Kind::Long(0),
        "log.message.timestamp.after.max.ms",
    ),
    known(
        "message.timestamp.before.max.ms",
        NEVER,
        Kind::Long(0),
        "log.message.timestamp.before.max.ms",
    ),
    known("message.timestamp.type", "CreateTime", Kind::One(TIMES), "log.message.timestamp.type"),
    known("min.cleanable.dirty.ratio", "0.5", Kind::Ratio, "log.cleaner.min.cleanable.ratio"),
    known("min.compaction.lag.ms", "0", Kind::Long(0), "log.cleaner.min.compaction.lag.ms"),
    known("min.insync.replicas", "1", Kind::Int(1), "min.insync.replicas"),
    known("preallocate", "false", Kind::Bool, "log.preallocate"),
    known("retention.bytes", "-1", Kind::Long(-1), "log.retention.bytes"),
    known("retention.ms", "604800000", Kind::Long(-1), "log.retention.ms"),
    known("segment.bytes", "1073741824", Kind::Int(1024), "log.segment.bytes"),
    known("segment.index.bytes", "10485760", Kind::Int(4), "log.index.size.max.bytes"),
    known("segment.jitter.ms", "0", Kind::Long(0), "log.roll.jitter.ms"),
    known("segment.ms", "604800000", Kind::Long(1), "log.roll.ms"),
    known("unclean.leader.election.enable", "false", Kind::Bool, "unclean.leader.election.enable"),
];

/// What the broker can be told, besides the defaults of topics.
pub(crate) const BROKER: &[Known] = &[
    known("advertised.listeners", "", Kind::Text, ""),
    known("auto.create.topics.enable", "false", Kind::Bool, ""),
    known("default.replication.factor", "1", Kind::Int(1), ""),
    known("delete.topic.enable", "true", Kind::Bool, ""),
    known("fetch.max.bytes", "57671680", Kind::Int(1024), ""),
    known("group.initial.rebalance.delay.ms", "0", Kind::Int(0), ""),
    known("group.max.session.timeout.ms", "1800000", Kind::Int(1), ""),
    known("group.max.size", "2147483647", Kind::Int(1), ""),
    known("group.min.session.timeout.ms", "6000", Kind::Int(1), ""),
    known("log.cleaner.backoff.ms", "15000", Kind::Long(0), ""),
    known("log.retention.check.interval.ms", "300000", Kind::Long(1), ""),
    known("max.connections", "10000", Kind::Int(1), ""),
    known("max.groups", "10000", Kind::Int(1), ""),
    known("max.topic.partitions", "50000", Kind::Int(1), ""),
    known("num.partitions", "4", Kind::Int(1), ""),
    known("offset.metadata.max.bytes", "4096", Kind::Int(0), ""),
    known("offsets.retention.check.interval.ms", "600000", Kind::Long(1), ""),
    known("offsets.retention.minutes", "10080", Kind::Int(1), ""),
    known("producer.id.expiration.ms", "86400000", Kind::Int(1), ""),
    known("socket.request.max.bytes", "104857600", Kind::Int(1024), ""),
    known("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000", Kind::Int(1), ""),
    known("transaction.max.timeout.ms", "900000", Kind::Int(1), ""),
    known(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        "3600000",
        Kind::Int(1),
        "",
    ),
    known("transactional.id.expiration.ms", "604800000", Kind::Int(1), ""),
];

/// A topic's setting of this name.
pub(crate) fn topic(name: &str) -> Option<&'static Known> {
    TOPIC.iter().find(|known| known.name == name)
}

/// The broker's setting of this name.
pub(crate) fn broker(name: &str) -> Option<Known> {
    let own = BROKER.iter().find(|known| known.name == name).copied();
    own.or_else(|| {
        let of_topic = TOPIC.iter().find(|known| known.broker == name)?;
        Some(Known { name: of_topic.broker, broker: "", ..*of_topic })
    })
}

/// Everything the broker can be told.
pub(crate) fn all_of_broker() -> Vec<Known> {
    let of_topics = TOPIC.iter().map(|known| Known { name: known.broker, broker: "", ..*known });
    BROKER.iter().copied().chain(of_topics).collect()
}

/// Whether a setting of the broker can be changed while it runs: the defaults of topics can.
pub(crate) fn is_dynamic(name: &str) -> bool {
    TOPIC.iter().any(|known| known.broker == name)
}

impl Known {
    /// Whether a value can be taken; else why not.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let bad = |why: &str| {
            Err(format!("Invalid value {value} for configuration {}: {why}", self.name))
        };
        match self.kind {
            Kind::Bool if matches!(value.to_ascii_lowercase().as_str(), "true" | "false") => Ok(()),
            Kind::Bool => bad("Expected value to be either true or false"),
            Kind::Int(least) => match value.trim().parse::<i32>() {
                Ok(number) if i64::from(number) >= least => Ok(()),
                Ok(_) => bad(&format!("Value must be at least {least}")),
                Err(_) => bad("Not a number of type INT"),
            },
            Kind::Long(least) => match value.trim().parse::<i64>() {
                Ok(number) if number >= least => Ok(()),
                Ok(_) => bad(&format!("Value must be at least {least}")),
                Err(_) => bad("Not a number of type LONG"),
            },
            Kind::Ratio => match value.trim().parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => Ok(()),
                Ok(_) => bad("Value must be between 0 and 1"),
                Err(_) => bad("Not a number of type DOUBLE"),
            },
            Kind::One(choices) if choices.contains(&value) => Ok(()),
            Kind::One(choices) => bad(&format!("String must be one of: {}", choices.join(", "))),
            Kind::Some(choices) => {
                let all = value.split(',').map(str::trim).filter(|part| !part.is_empty());
                match all.clone().find(|part| !choices.contains(part)) {
                    None if all.clone().next().is_some() => Ok(()),
                    _ => bad(&format!("String must be one of: {}", choices.join(", "))),
                }
            }
            Kind::Text => Ok(()),
        }
    }

    /// Kafka's number for the type of the value.
    pub(crate) fn type_code(&self) -> i8 {
        match self.kind {
            Kind::Bool => 1,
            Kind::Text | Kind::One(_) => 2,
            Kind::Int(_) => 3,
            Kind::Long(_) => 5,
            Kind::Ratio => 6,
            Kind::Some(_) => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_it_would_take() {
        for known in TOPIC.iter().chain(BROKER) {
            assert_eq!(known.check(known.default), Ok(()), "{}", known.name);
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for (name, value) in [
            ("retention.ms", "-2"),
            ("segment.bytes", "12"),
            ("cleanup.policy", "shred"),
            ("compression.type", "zstd"),
            ("min.cleanable.dirty.ratio", "1.5"),
            ("preallocate", "yes"),
            ("max.message.bytes", "3000000000"),
        ] {
            let why = topic(name).unwrap().check(value).unwrap_err();
            assert!(why.contains(name) && why.contains(value), "{why}");
        }
    }
}
