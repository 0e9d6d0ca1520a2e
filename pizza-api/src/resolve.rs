//! Orders whose sending is not known to have ended: the topic tells.

use crate::order;
use crate::store::Store;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use stage_sdk::broker::{Broker, Quiet};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// After this nothing of the order is written to the topic any more, by whomever: an order is begun
/// within 5 s, and its records are acknowledged 4 s later or its transaction is aborted. Whether it
/// was committed shows the topic, whose open transactions are waited for.
const DECIDED: Duration = Duration::from_secs(20);

/// Times of records are a producer's; its clock and the database's may differ by this.
const MARGIN: i64 = 60_000;

/// For one question to the broker, and for one reading.
const ASK: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(60);

/// Resolves what is pending and decided; gives how many orders.
///
/// # Errors
/// Broker or database cannot now; it is tried again later.
pub async fn resolve(store: &Store, broker: &Broker, topic: &str) -> anyhow::Result<usize> {
    let pending = store.pending(DECIDED).await?;
    let Some(oldest) = pending.iter().map(|order| order.since).min() else { return Ok(0) };
    let keys: HashSet<Vec<u8>> =
        pending.iter().map(|order| order::key(&order.id).into_bytes()).collect();
    let (broker, topic) = (broker.clone(), topic.to_owned());
    let found = tokio::task::spawn_blocking(move || find(&broker, &topic, oldest - MARGIN, &keys))
        .await??;
    for order in &pending {
        if found.contains(order::key(&order.id).as_bytes()) {
            store.placed(&order.id).await?;
        } else {
            store.not_found(order).await?;
        }
    }
    Ok(pending.len())
}

/// Which of the keys have committed records in the topic since then.
fn find(
    broker: &Broker,
    topic: &str,
    since: i64,
    keys: &HashSet<Vec<u8>>,
) -> anyhow::Result<HashSet<Vec<u8>>> {
    // The true ends: those that committed readers are told may stand before an open transaction.
    let mut config = broker.admin();
    config.set("isolation.level", "read_uncommitted");
    let all: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
    let metadata = all.fetch_metadata(Some(topic), ASK)?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len()) as i32;
    anyhow::ensure!(partitions > 0, "topic {topic} does not exist");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Offset(since.max(0)))?;
    }
    let starts = all.offsets_for_times(list, ASK)?;
    let mut ends = vec![0; partitions as usize];
    for partition in 0..partitions {
        ends[partition as usize] = all.fetch_watermarks(topic, partition, ASK)?.1;
    }
    let mut config: ClientConfig = broker.admin();
    config.set("group.id", "pizza-api.resolve").set("enable.auto.commit", "false");
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "false");
    let reader: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
    reader.assign(&starts)?;
    let (until, mut found) = (Instant::now() + READ, HashSet::new());
    loop {
        if let Some(message) = reader.poll(Duration::from_millis(100))
            && let Some(key) = message?.key()
            && keys.contains(key)
        {
            found.insert(key.to_vec());
        }
        if found.len() == keys.len() || is_read(&reader, &starts, &ends)? {
            return Ok(found);
        }
        anyhow::ensure!(Instant::now() < until, "topic {topic} could not be read to its end");
    }
}

fn is_read(
    reader: &BaseConsumer<Quiet>,
    starts: &TopicPartitionList,
    ends: &[i64],
) -> anyhow::Result<bool> {
    let positions = reader.position()?;
    let done = starts.elements().into_iter().all(|start| {
        let end = ends[start.partition() as usize];
        // Without a record since then, Kafka answers with the end.
        let Offset::Offset(from) = start.offset() else { return true };
        let at = positions.find_partition(start.topic(), start.partition()).map(|at| at.offset());
        let at = if let Some(Offset::Offset(at)) = at { at } else { from };
        at >= end
    });
    Ok(done)
}
