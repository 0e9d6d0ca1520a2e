//! What a plain consumer reads of the topics, and what the groups have committed, as files for the judge.

use crate::chain::{Chain, PARTITIONS};
use crate::interrupt;
use crate::reminder::Reminder;
use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// For one question to the broker.
const WAIT: Duration = Duration::from_secs(10);

/// For transactions to end, and for a topic to be read.
const LIMIT: Duration = Duration::from_secs(120);

/// Offsets of each topic, by partition.
pub(crate) type Offsets = BTreeMap<String, Vec<i64>>;

/// What lies between two moments at which no transaction was open, and what was committed at the second one.
pub(crate) struct Span {
    from: Offsets,
    pub(crate) to: Offsets,
    committed: Map<String, Value>,
}

/// The beginning of all topics of the chains.
pub(crate) fn beginning(chains: &[Chain]) -> Offsets {
    let topics = chains.iter().flat_map(Chain::topics);
    topics.map(|topic| (topic, vec![0; PARTITIONS as usize])).collect()
}

/// Writes what there is of all topics of the chains to `<dir>/<topic>.jsonl`, and what their stages' groups have
/// committed to `<dir>/offsets.json`. Nobody is to write meanwhile but the sources; waits until no transaction
/// is open.
pub(crate) fn write(chains: &[Chain], brokers: &str, dir: &Path) -> Result<()> {
    read(&mark(chains, brokers, beginning(chains))?, brokers, dir)
}

/// Waits until no transaction is open; the span ends there.
pub(crate) fn mark(chains: &[Chain], brokers: &str, from: Offsets) -> Result<Span> {
    let mut groups = Map::new();
    let mut to = Offsets::new();
    let clients = [client(brokers, "history", true)?, client(brokers, "history", false)?];
    for chain in chains {
        for topic in chain.topics() {
            until_settled(&clients, &topic)?;
        }
        // First, since the sources go on: what is committed is then in what is read.
        for stage in &chain.stages {
            groups.insert(stage.group.clone(), committed(brokers, &stage.group, &stage.input)?);
        }
        for topic in chain.topics() {
            let ends = until_settled(&clients, &topic)?;
            to.insert(topic, ends);
        }
    }
    Ok(Span { from, to, committed: groups })
}

/// Reads a span, and writes it to files.
pub(crate) fn read(span: &Span, brokers: &str, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    write_json(dir, "offsets.json", &span.committed.clone().into())?;
    let reader = client(brokers, "history", true)?;
    for (topic, to) in &span.to {
        let file = dir.join(format!("{topic}.jsonl"));
        read_topic(&reader, brokers, topic, (&span.from[topic], to), &file)
            .with_context(|| format!("read {topic}"))?;
    }
    Ok(())
}

pub(crate) fn write_json(dir: &Path, name: &str, value: &Value) -> Result<()> {
    std::fs::write(dir.join(name), serde_json::to_vec(value)?)
        .with_context(|| format!("write {name}"))
}

/// Waits until no transaction is open in the topic; gives its ends.
fn until_settled(clients: &[BaseConsumer; 2], topic: &str) -> Result<Vec<i64>> {
    let deadline = Instant::now() + LIMIT;
    let mut ends = Vec::new();
    for partition in 0..PARTITIONS {
        let end = loop {
            ensure!(!interrupt::is_asked(), "interrupted");
            let [committed, all] =
                clients.each_ref().map(|client| client.fetch_watermarks(topic, partition, WAIT));
            match (committed, all) {
                (Ok(committed), Ok(all)) if committed.1 >= all.1 => break all.1,
                _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
                (Ok(committed), Ok(all)) => {
                    let (settled, end) = (committed.1, all.1);
                    bail!(
                        "{topic}-{partition}: a transaction is open from {settled} to {end} after {LIMIT:?}"
                    )
                }
                (committed, all) => drop((committed?, all?)),
            }
        };
        ends.push(end);
    }
    Ok(ends)
}

/// Reads what lies between these offsets.
fn read_topic(
    consumer: &BaseConsumer,
    brokers: &str,
    topic: &str,
    (from, to): (&[i64], &[i64]),
    file: &Path,
) -> Result<()> {
    let mut file = BufWriter::new(File::create(file)?);
    let mut list = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    let all = (0..).zip(from.iter().zip(to));
    for (partition, (from, _)) in all.filter(|(_, (from, to))| from < to) {
        list.add_partition_offset(topic, partition, Offset::Offset(*from))?;
        open.insert(partition);
    }
    consumer.assign(&list)?;
    let mut reminder = Reminder::new(brokers);
    let mut deadline = Instant::now() + LIMIT;
    while !open.is_empty() {
        ensure!(Instant::now() < deadline, "nothing came for {LIMIT:?} and its end is not reached");
        ensure!(!interrupt::is_asked(), "interrupted");
        reminder.remind(consumer.client().native_ptr());
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => {
                deadline = Instant::now() + LIMIT;
                let (partition, next) = (message.partition(), message.offset() + 1);
                let end = to[partition as usize];
                if next <= end {
                    writeln!(file, "{}", line(&message))?;
                }
                if next >= end {
                    open.remove(&partition);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(_)) | None => {}
        }
    }
    Ok(file.flush()?)
}

/// Offset and metadata, by partition.
fn committed(brokers: &str, group: &str, topic: &str) -> Result<Value> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, PARTITIONS - 1);
    let committed = client(brokers, group, true)?.committed_offsets(list, WAIT)?;
    let one = |element: &TopicPartitionListElem<'_>| {
        let offset = match element.offset() {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        json!({ "partition": element.partition(), "offset": offset, "metadata": element.metadata() })
    };
    Ok(committed.elements().iter().map(one).collect())
}

/// A consumer that joins no group by itself.
pub(crate) fn client(brokers: &str, group: &str, committed_only: bool) -> Result<BaseConsumer> {
    let isolation = if committed_only { "read_committed" } else { "read_uncommitted" };
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "20")
        .create()?)
}

fn line(message: &impl Message) -> Value {
    let text =
        |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers: Map<String, Value> =
        headers.map(|header| (header.key.to_owned(), text(header.value).into())).collect();
    json!({
        "partition": message.partition(),
        "offset": message.offset(),
        "key": text(message.key()),
        "value": text(message.payload()),
        "headers": headers,
    })
}
