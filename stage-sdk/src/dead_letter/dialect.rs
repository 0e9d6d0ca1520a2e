//! The header names that other tools read, in their encodings.

use super::{Death, Trouble, cap};
use crate::record::pack;
use std::fmt;

/// A set of header names that tools other than ours read.
///
/// ```
/// use stage_sdk::dead_letter::Dialect;
///
/// assert_eq!(Dialect::named("spring"), Some(Dialect::Spring));
/// assert_eq!(Dialect::ALL.map(Dialect::name), ["connect", "streams", "spring", "scs"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Kafka Connect's dead letter queue: `__connect.errors.*`, text.
    Connect,
    /// Kafka Streams' (KIP-1034): `__streams.errors.*`, text.
    Streams,
    /// Spring Kafka's dead letter topics: `kafka_dlt-*`, numbers as big-endian bytes.
    Spring,
    /// Spring Cloud Stream's: `x-original-*` and `x-exception-*`, numbers as big-endian bytes.
    Scs,
}

/// The dialects a stage's dead letters speak besides our own names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialects {
    pub(crate) all: Vec<Dialect>,
    /// The input's records carry the broker's time, not their producer's.
    pub(crate) append_time: bool,
}

/// Spring Cloud Stream's names have no prefix of their own.
const SCS: [&str; 8] = [
    "x-original-topic",
    "x-original-partition",
    "x-original-offset",
    "x-original-timestamp",
    "x-original-timestamp-type",
    "x-exception-message",
    "x-exception-fqcn",
    "x-exception-stacktrace",
];

impl Dialect {
    /// All there are.
    pub const ALL: [Dialect; 4] =
        [Dialect::Connect, Dialect::Streams, Dialect::Spring, Dialect::Scs];

    /// Its name in `topics.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Connect => "connect",
            Dialect::Streams => "streams",
            Dialect::Spring => "spring",
            Dialect::Scs => "scs",
        }
    }

    /// The dialect of this name.
    pub fn named(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Whether a header is one of its own.
    pub(super) fn owns(self, header: &str) -> bool {
        match self {
            Dialect::Connect => header.starts_with("__connect.errors."),
            Dialect::Streams => header.starts_with("__streams.errors."),
            Dialect::Spring => header.starts_with("kafka_dlt-"),
            Dialect::Scs => SCS.contains(&header),
        }
    }

    /// Appends its headers, packed.
    pub(super) fn write(self, packed: &mut Vec<u8>, death: &Death<'_>) {
        match self {
            Dialect::Connect => connect(packed, death),
            Dialect::Streams => streams(packed, death),
            Dialect::Spring => spring(packed, death),
            Dialect::Scs => scs(packed, death),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn connect(packed: &mut Vec<u8>, death: &Death<'_>) {
    let Death { record, sender, trouble, .. } = death;
    let mut put = |name: &str, value: &str| {
        pack(packed, &format!("__connect.errors.{name}"), Some(value.as_bytes()));
    };
    put("topic", sender.topic);
    put("partition", &record.partition.to_string());
    put("offset", &record.offset.to_string());
    put("connector.name", sender.stage);
    put("task.id", "0");
    put("stage", connect_stage(trouble));
    put("class.name", "stage_sdk::Stage");
    put("exception.class.name", trouble.class);
    put("exception.message", cap(&trouble.text));
    put("exception.stacktrace", cap(&trouble.stack));
}

/// Connect's own word for the step that failed; its readers know no others.
fn connect_stage(trouble: &Trouble) -> &'static str {
    match trouble.instead {
        Some("deserialization") => "VALUE_CONVERTER",
        Some("production") => "KAFKA_PRODUCE",
        _ => "TRANSFORMATION",
    }
}

fn streams(packed: &mut Vec<u8>, death: &Death<'_>) {
    let Death { record, sender, trouble, .. } = death;
    let mut put = |name: &str, value: &str| {
        pack(packed, &format!("__streams.errors.{name}"), Some(value.as_bytes()));
    };
    // As a Java exception prints itself: the class, and what it says.
    put("exception", cap(&format!("{}: {}", trouble.class, trouble.text)));
    put("message", cap(&trouble.text));
    put("stacktrace", cap(&trouble.stack));
    put("topic", sender.topic);
    put("partition", &record.partition.to_string());
    put("offset", &record.offset.to_string());
}

fn spring(packed: &mut Vec<u8>, death: &Death<'_>) {
    let Death { record, sender, trouble, .. } = death;
    let mut put = |name: &str, value: &[u8]| {
        pack(packed, &format!("kafka_dlt-{name}"), Some(value));
    };
    put("exception-fqcn", trouble.class.as_bytes());
    put("exception-cause-fqcn", trouble.class.as_bytes());
    put("exception-message", cap(&trouble.text).as_bytes());
    put("exception-stacktrace", cap(&trouble.stack).as_bytes());
    put("original-topic", sender.topic.as_bytes());
    put("original-partition", &record.partition.to_be_bytes());
    put("original-offset", &record.offset.to_be_bytes());
    put("original-timestamp", &record.time.to_be_bytes());
    put("original-timestamp-type", time_type(death).as_bytes());
    put("original-consumer-group", sender.group.as_bytes());
}

fn scs(packed: &mut Vec<u8>, death: &Death<'_>) {
    let Death { record, sender, trouble, .. } = death;
    let mut put = |name: &str, value: &[u8]| pack(packed, name, Some(value));
    put("x-original-topic", sender.topic.as_bytes());
    put("x-original-partition", &record.partition.to_be_bytes());
    put("x-original-offset", &record.offset.to_be_bytes());
    put("x-original-timestamp", &record.time.to_be_bytes());
    put("x-original-timestamp-type", time_type(death).as_bytes());
    put("x-exception-fqcn", trouble.class.as_bytes());
    put("x-exception-message", cap(&trouble.text).as_bytes());
    put("x-exception-stacktrace", cap(&trouble.stack).as_bytes());
}

/// As the Java client prints a timestamp's type.
fn time_type(death: &Death<'_>) -> &'static str {
    match (death.record.time, death.sender.dialects.append_time) {
        (..0, _) => "NoTimestampType",
        (_, true) => "LogAppendTime",
        (_, false) => "CreateTime",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Disposition;
    use crate::dead_letter::Sender;
    use crate::failure::Failure;
    use crate::record::{Headers, Record};

    /// The headers a dialect writes for one death.
    fn written(
        dialect: Dialect,
        instead: Option<&'static str>,
        time: i64,
    ) -> Vec<(String, Vec<u8>)> {
        let record = Record { partition: 3, offset: 258, time, ..Record::default() };
        let dialects = Dialects { all: vec![dialect], append_time: false };
        let sender =
            Sender { topic: "pizza", group: "shop.sauce", stage: "sauce", dialects: &dialects };
        let failed = Trouble::of(&Failure::reject("no"), instead);
        // With RUST_BACKTRACE it is longer.
        let trouble = Trouble { stack: "no".into(), ..failed };
        let why = Disposition::Rejected;
        let mut packed = Vec::new();
        dialect.write(
            &mut packed,
            &Death { record: &record, sender: &sender, trouble: &trouble, why },
        );
        let own = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.unwrap().to_vec());
        Headers::new(&packed).map(own).collect()
    }

    fn check(dialect: Dialect, written: &[(String, Vec<u8>)], wanted: &[(&str, &[u8])]) {
        let mut found: Vec<_> = written.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        let mut wanted = wanted.to_vec();
        assert!(found.iter().all(|(name, _)| dialect.owns(name)), "{found:?}");
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }

    // What is wanted here was written down by hand from the sources of these projects:
    // DeadLetterQueueReporter, ExceptionHandlerUtils, DeadLetterPublishingRecoverer with
    // KafkaHeaders, and KafkaMessageChannelBinder.

    #[test]
    fn connect_in_text() {
        check(
            Dialect::Connect,
            &written(Dialect::Connect, Some("deserialization"), 5),
            &[
                ("__connect.errors.topic", b"pizza"),
                ("__connect.errors.partition", b"3"),
                ("__connect.errors.offset", b"258"),
                ("__connect.errors.connector.name", b"sauce"),
                ("__connect.errors.task.id", b"0"),
                ("__connect.errors.stage", b"VALUE_CONVERTER"),
                ("__connect.errors.class.name", b"stage_sdk::Stage"),
                ("__connect.errors.exception.class.name", b"reject"),
                ("__connect.errors.exception.message", b"no"),
                ("__connect.errors.exception.stacktrace", b"no"),
            ],
        );
    }

    #[test]
    fn streams_in_text() {
        check(
            Dialect::Streams,
            &written(Dialect::Streams, None, 5),
            &[
                ("__streams.errors.exception", b"reject: no"),
                ("__streams.errors.message", b"no"),
                ("__streams.errors.stacktrace", b"no"),
                ("__streams.errors.topic", b"pizza"),
                ("__streams.errors.partition", b"3"),
                ("__streams.errors.offset", b"258"),
            ],
        );
    }

    #[test]
    fn spring_in_big_endian() {
        check(
            Dialect::Spring,
            &written(Dialect::Spring, None, 0x0102_0304_0506),
            &[
                ("kafka_dlt-exception-fqcn", b"reject"),
                ("kafka_dlt-exception-cause-fqcn", b"reject"),
                ("kafka_dlt-exception-message", b"no"),
                ("kafka_dlt-exception-stacktrace", b"no"),
                ("kafka_dlt-original-topic", b"pizza"),
                ("kafka_dlt-original-partition", b"\0\0\0\x03"),
                ("kafka_dlt-original-offset", b"\0\0\0\0\0\0\x01\x02"),
                ("kafka_dlt-original-timestamp", b"\0\0\x01\x02\x03\x04\x05\x06"),
                ("kafka_dlt-original-timestamp-type", b"CreateTime"),
                ("kafka_dlt-original-consumer-group", b"shop.sauce"),
            ],
        );
    }

    #[test]
    fn spring_cloud_stream_in_big_endian() {
        check(
            Dialect::Scs,
            &written(Dialect::Scs, None, -1),
            &[
                ("x-original-topic", b"pizza"),
                ("x-original-partition", b"\0\0\0\x03"),
                ("x-original-offset", b"\0\0\0\0\0\0\x01\x02"),
                ("x-original-timestamp", b"\xff\xff\xff\xff\xff\xff\xff\xff"),
                ("x-original-timestamp-type", b"NoTimestampType"),
                ("x-exception-message", b"no"),
                ("x-exception-fqcn", b"reject"),
                ("x-exception-stacktrace", b"no"),
            ],
        );
    }
}
