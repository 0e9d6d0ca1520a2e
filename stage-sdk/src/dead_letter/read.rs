//! A dead letter, whoever wrote it.

use super::{Dialect, PREFIX, fit};
use crate::record::{Headers, Record, pack};

/// A dead letter as any of the tools we know writes it. What its writer does not say is `None`.
#[derive(Clone, Debug, Default)]
pub struct DeadLetter {
    /// The topic it lies in.
    pub topic: String,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its own time there, in milliseconds since the epoch; -1: it has none.
    pub time: i64,
    /// The key of the record that died.
    pub key: Option<Vec<u8>>,
    /// Its value; see also [`value_dropped`](DeadLetter::value_dropped).
    pub value: Option<Vec<u8>>,
    /// All headers, packed, also those that say why.
    pub headers: Vec<u8>,
    /// Whose header names it has; none: nobody's that we know.
    pub writer: Option<Writer>,
    /// Where the record that died lay.
    pub origin: Origin,
    /// The group that read it.
    pub group: Option<String>,
    /// The stage, or the connector.
    pub stage: Option<String>,
    /// How often it was tried.
    pub attempts: Option<u32>,
    /// When it failed first, in milliseconds since the epoch.
    pub first_failure: Option<i64>,
    /// When it failed last.
    pub last_failure: Option<i64>,
    /// Why it is here, in one word: `deserialization`, `rejected`, `retries-exhausted`, …
    pub disposition: Option<String>,
    /// The kind of error.
    pub class: Option<String>,
    /// What the error says.
    pub message: Option<String>,
    /// Its stack trace.
    pub stack: Option<String>,
    /// The value was too large to keep, and had this many bytes.
    pub value_dropped: Option<u64>,
    /// How often a record of these bytes was replayed before.
    pub replays: u32,
}

/// Where a record that died lay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its topic.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: Option<i32>,
    /// Its offset.
    pub offset: Option<i64>,
    /// Its time, in milliseconds since the epoch.
    pub time: Option<i64>,
}

/// Who wrote a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A stage of this SDK.
    Stage,
    /// A tool with these names; see [`Dialect`].
    Other(Dialect),
    /// The broker, for a share group (KIP-1191): `__dlq.errors.*`, text.
    ShareGroup,
}

/// The header that counts replays; it stays with the record.
pub(super) const REPLAYS: &str = "__stage.replays";

/// Who calls what how; an empty name: nobody has it.
struct Names {
    writer: Writer,
    prefix: &'static str,
    topic: &'static str,
    partition: &'static str,
    offset: &'static str,
    time: &'static str,
    group: &'static str,
    stage: &'static str,
    attempts: &'static str,
    class: &'static str,
    message: &'static str,
    stack: &'static str,
    /// Numbers are big-endian bytes, not text.
    binary: bool,
}

const STAGE: Names = Names {
    writer: Writer::Stage,
    prefix: PREFIX,
    topic: "topic",
    partition: "partition",
    offset: "offset",
    time: "timestamp",
    group: "group",
    stage: "stage",
    attempts: "attempts",
    class: "exception.class.name",
    message: "exception.message",
    stack: "exception.stacktrace",
    binary: false,
};

const CONNECT: Names = Names {
    writer: Writer::Other(Dialect::Connect),
    prefix: "__connect.errors.",
    time: "",
    group: "",
    stage: "connector.name",
    attempts: "",
    ..STAGE
};

const STREAMS: Names = Names {
    writer: Writer::Other(Dialect::Streams),
    prefix: "__streams.errors.",
    stage: "",
    class: "exception",
    message: "message",
    stack: "stacktrace",
    ..CONNECT
};

const SPRING: Names = Names {
    writer: Writer::Other(Dialect::Spring),
    prefix: "kafka_dlt-",
    topic: "original-topic",
    partition: "original-partition",
    offset: "original-offset",
    time: "original-timestamp",
    group: "original-consumer-group",
    stage: "",
    attempts: "",
    class: "exception-fqcn",
    message: "exception-message",
    stack: "exception-stacktrace",
    binary: true,
};

const SCS: Names = Names { writer: Writer::Other(Dialect::Scs), prefix: "x-", group: "", ..SPRING };

const SHARE: Names = Names {
    writer: Writer::ShareGroup,
    prefix: "__dlq.errors.",
    time: "",
    stage: "",
    attempts: "delivery.count",
    class: "",
    message: "message",
    stack: "",
    ..STAGE
};

/// All headers of a record, in order.
type All<'r> = Vec<(&'r str, Option<&'r [u8]>)>;

impl DeadLetter {
    /// Reads a record of a dead-letter topic. Of several deaths that left their headers, the last
    /// is told.
    ///
    /// ```
    /// use stage_sdk::Record;
    /// use stage_sdk::dead_letter::{DeadLetter, Dialect, Writer};
    /// use stage_sdk::record::pack;
    ///
    /// let mut headers = Vec::new();
    /// pack(&mut headers, "__connect.errors.topic", Some(b"orders"));
    /// pack(&mut headers, "__connect.errors.offset", Some(b"7"));
    /// let record = Record { key: Some(b"k"), value: Some(b"{"), headers: &headers, ..Record::default() };
    /// let letter = DeadLetter::read("orders.dlq", &record);
    /// assert_eq!(letter.writer, Some(Writer::Other(Dialect::Connect)));
    /// assert_eq!((letter.origin.topic.as_deref(), letter.origin.offset), (Some("orders"), Some(7)));
    /// ```
    pub fn read(topic: &str, record: &Record<'_>) -> DeadLetter {
        let all: All<'_> = Headers::new(record.headers).collect();
        let mut letter = DeadLetter {
            topic: topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            time: record.time,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.to_vec(),
            replays: number(&all, REPLAYS, false).and_then(|n| n.try_into().ok()).unwrap_or(0),
            ..DeadLetter::default()
        };
        let place = |names: &&Names| place(&all, &names.named(names.topic));
        let writers = [&STAGE, &CONNECT, &STREAMS, &SPRING, &SCS, &SHARE];
        let latest = writers.into_iter().filter(|names| place(names).is_some()).max_by_key(place);
        if let Some(names) = latest {
            letter.told_by(names, &all);
        }
        letter
    }

    fn told_by(&mut self, names: &Names, all: &All<'_>) {
        let of = |name| text(all, &names.named(name));
        let count = |name| number(all, &names.named(name), names.binary);
        self.writer = Some(names.writer);
        self.origin = Origin {
            topic: of(names.topic),
            partition: count(names.partition).and_then(|number| number.try_into().ok()),
            offset: count(names.offset),
            time: count(names.time),
        };
        self.group = of(names.group);
        self.stage = of(names.stage);
        self.attempts = count(names.attempts).and_then(|number| number.try_into().ok());
        self.class = of(names.class);
        self.message = of(names.message);
        self.stack = of(names.stack);
        match names.writer {
            Writer::Stage => {
                self.disposition = of("disposition");
                self.first_failure = count("first.failure.timestamp");
                self.last_failure = count("last.failure.timestamp");
                self.value_dropped = count(fit::DROPPED).and_then(|number| number.try_into().ok());
            }
            Writer::Other(Dialect::Streams) => {
                // `org.example.Bad: what it says`
                let class = self.class.take();
                self.class =
                    class.map(|said| said.split(": ").next().unwrap_or_default().to_owned());
                self.origin.time = Some(self.time);
            }
            // They write the dead letter with the record's own time.
            Writer::Other(Dialect::Connect) => self.origin.time = Some(self.time),
            _ => {}
        }
    }

    /// When it died, in milliseconds since the epoch, as far as it says; otherwise its own time.
    pub fn died(&self) -> i64 {
        self.last_failure.unwrap_or(self.time)
    }

    /// Why it is here, in a word or two: the disposition, or else the kind of error.
    pub fn reason(&self) -> &str {
        self.disposition.as_deref().or(self.class.as_deref()).unwrap_or("unknown")
    }

    /// The headers of the record that died, packed: all but those that this death has added.
    pub fn original_headers(&self) -> Vec<u8> {
        let all: All<'_> = Headers::new(&self.headers).collect();
        let dialects: Vec<Dialect> = match self.writer {
            Some(Writer::Stage) => {
                let said = text(&all, &STAGE.named("dialects")).unwrap_or_default();
                said.split(',').filter_map(Dialect::named).collect()
            }
            Some(Writer::Other(dialect)) => vec![dialect],
            _ => Vec::new(),
        };
        let added = |name: &str| {
            let of_broker =
                self.writer == Some(Writer::ShareGroup) && name.starts_with(SHARE.prefix);
            name.starts_with(PREFIX)
                || of_broker
                || dialects.iter().any(|dialect| dialect.owns(name))
        };
        let mut packed = Vec::new();
        for (name, value) in all.into_iter().filter(|(name, _)| !added(name)) {
            pack(&mut packed, name, value);
        }
        packed
    }
}

impl Names {
    fn named(&self, name: &str) -> String {
        match name {
            "" => String::new(),
            name => format!("{}{name}", self.prefix),
        }
    }
}

/// Readers of Kafka's headers take the last of a name.
fn place(all: &All<'_>, name: &str) -> Option<usize> {
    all.iter().rposition(|(known, _)| !name.is_empty() && *known == name)
}

fn bytes<'r>(all: &All<'r>, name: &str) -> Option<&'r [u8]> {
    all[place(all, name)?].1
}

fn text(all: &All<'_>, name: &str) -> Option<String> {
    bytes(all, name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn number(all: &All<'_>, name: &str, binary: bool) -> Option<i64> {
    let bytes = bytes(all, name)?;
    if !binary {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    match bytes.len() {
        4 => Some(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
