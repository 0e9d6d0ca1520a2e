//! What a plain consumer reads of the topics, and what the groups have committed, as files for the judge.

use crate::chain::{Chain, PARTITIONS};
use crate::interrupt;
use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// For one question to the broker.
const WAIT: Duration = Duration::from_secs(10);

/// For transactions to end, and for a topic to be read.
const LIMIT: Duration = Duration::from_secs(120);

/// Writes all topics of the chains to `<dir>/<topic>.jsonl`, and what their stages' groups have committed
/// to `<dir>/offsets.json`. Nobody is to write meanwhile but the sources; waits until no transaction is open.
pub(crate) fn write(chains: &[Chain], brokers: &str, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut groups = Map::new();
    let (reader, everything) =
        (client(brokers, "history", true)?, client(brokers, "history", false)?);
    for chain in chains {
        for topic in chain.topics() {
            until_settled([&reader, &everything], &topic)?;
        }
        // First, since the sources go on: what is committed is then in the topics that are read next.
        for stage in &chain.stages {
            groups.insert(stage.group.clone(), committed(brokers, &stage.group, &stage.input)?);
        }
        for topic in chain.topics() {
            read(&reader, &topic, &dir.join(format!("{topic}.jsonl")))
                .with_context(|| format!("read {topic}"))?;
        }
    }
    std::fs::write(dir.join("offsets.json"), serde_json::to_vec_pretty(&groups)?)?;
    Ok(())
}

/// Waits until no transaction is open in the topic.
fn until_settled(clients: [&BaseConsumer; 2], topic: &str) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    for partition in 0..PARTITIONS {
        loop {
            ensure!(!interrupt::is_asked(), "interrupted");
            let [committed, all] =
                clients.map(|client| client.fetch_watermarks(topic, partition, WAIT));
            match (committed, all) {
                (Ok(committed), Ok(all)) if committed.1 >= all.1 => break,
                _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
                (Ok(committed), Ok(all)) => {
                    let (settled, end) = (committed.1, all.1);
                    bail!(
                        "{topic}-{partition}: a transaction is open from {settled} to {end} after {LIMIT:?}"
                    )
                }
                (committed, all) => drop((committed?, all?)),
            }
        }
    }
    Ok(())
}

/// Reads the topic to its end.
fn read(consumer: &BaseConsumer, topic: &str, file: &Path) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let mut file = BufWriter::new(File::create(file)?);
    let deadline = Instant::now() + LIMIT;
    let mut ended = BTreeSet::new();
    while ended.len() < PARTITIONS as usize {
        ensure!(Instant::now() < deadline, "its end is not reached after {LIMIT:?}");
        ensure!(!interrupt::is_asked(), "interrupted");
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => writeln!(file, "{}", line(&message))?,
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
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
