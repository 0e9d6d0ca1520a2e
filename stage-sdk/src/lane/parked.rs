//! What is parked of a partition, as the redirect topic tells.

use super::{ASK, LOOK, Lanes, Topics, assign};
use crate::broker::Broker;
use crate::core::{Partition, Pending};
use crate::record;
use crate::redirect::{self, Entry};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How many records are parked in these partitions together, now.
///
/// # Errors
/// They cannot be read.
pub(crate) fn parked(broker: &Broker, topics: &Topics, partitions: i32) -> Result<usize, String> {
    Ok(notes(broker, topics, partitions)?.len())
}

/// How all that is parked in these partitions stands, now: its partition, its offset in the input, and
/// what is noted of it, in no order.
///
/// # Errors
/// They cannot be read.
pub(crate) fn notes(
    broker: &Broker,
    topics: &Topics,
    partitions: i32,
) -> Result<Vec<(i32, i64, Entry)>, String> {
    let failed = |error: KafkaError| format!("topic {} cannot be read: {error}", topics.redirect);
    let mut lanes = Lanes::new(broker.clone(), "stage-sdk", topics.clone(), Arc::default());
    lanes.clients = Some(lanes.connect().map_err(failed)?);
    let mut all = Vec::new();
    for number in 0..partitions {
        let notes = lanes.notes(number).map_err(failed)??;
        all.extend(notes.into_iter().map(|(offset, entry)| (number, offset, entry)));
    }
    Ok(all)
}

impl Lanes {
    /// What is parked of a partition, and where its retry topic begins.
    #[allow(clippy::type_complexity)] // what was asked for, or what no waiting mends; and errors that pass
    pub(super) fn read(
        &mut self,
        partition: Partition,
    ) -> KafkaResult<Result<(Vec<Pending>, i64), String>> {
        let retry = &self.topics.retry;
        let (start, _) = self.clients()?.ends.fetch_watermarks(retry, partition.number, ASK)?;
        let pending = |(offset, entry): (i64, Entry)| Pending {
            offset,
            key: entry.key().map(|key| record::hash(partition, &key)),
            attempts: entry.attempts,
            first: entry.first(),
            rest: entry.rest(),
        };
        let notes = self.notes(partition.number)?;
        Ok(notes.map(|notes| (notes.into_iter().map(pending).collect(), start)))
    }

    /// Reads the partition of the redirect topic to its end. An earlier owner's transaction may be
    /// decided and its markers still on their way: its notes count, so the end is the one that open
    /// transactions hide. It is asked for after the committed offsets were stable, so nothing of an
    /// earlier owner comes behind it.
    fn notes(&mut self, number: i32) -> KafkaResult<Result<HashMap<i64, Entry>, String>> {
        self.at = None;
        let clients = self.clients()?;
        let redirect = &self.topics.redirect;
        let (low, high) = clients.ends.fetch_watermarks(redirect, number, ASK)?;
        if low == high {
            return Ok(Ok(HashMap::new()));
        }
        let begun = Instant::now();
        let mut said = begun;
        while clients.reader.fetch_watermarks(redirect, number, ASK)?.1 < high {
            if said.elapsed() > Duration::from_secs(1) {
                said = Instant::now();
                tracing::info!(
                    topic = redirect,
                    partition = number,
                    "waiting for the end of a transaction of its earlier owner"
                );
            }
            if self.stopping.load(Ordering::Acquire) {
                return Err(KafkaError::Canceled);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assign(&clients.reader, redirect, number, Offset::Beginning)?;
        let mut notes: HashMap<i64, Entry> = HashMap::new();
        let mut read = 0u64;
        loop {
            match clients.reader.poll(LOOK) {
                Some(Ok(message)) => {
                    read += 1;
                    if let Err(text) = self.note(&mut notes, &message) {
                        return Ok(Err(format!(
                            "{redirect} partition {number} offset {}: {text}",
                            message.offset()
                        )));
                    }
                    if said.elapsed() > Duration::from_secs(1) {
                        said = Instant::now();
                        tracing::info!(
                            topic = redirect,
                            partition = number,
                            read,
                            end = high - low,
                            "reading what is parked"
                        );
                    }
                }
                Some(Err(KafkaError::PartitionEOF(of))) if of == number => break,
                Some(Err(error)) => tracing::debug!(%error, "reading what is parked"),
                None if self.stopping.load(Ordering::Acquire) => return Err(KafkaError::Canceled),
                None => {}
            }
        }
        clients.reader.unassign()?;
        if !notes.is_empty() {
            tracing::info!(topic = redirect, partition = number, parked = notes.len(), took = ?begun.elapsed(), "records are parked");
        }
        Ok(Ok(notes))
    }

    fn note(
        &self,
        notes: &mut HashMap<i64, Entry>,
        message: &BorrowedMessage<'_>,
    ) -> Result<(), String> {
        let name = message.key().unwrap_or_default();
        let offset = redirect::offset(name, &self.topics.input, message.partition());
        let Some(offset) = offset else {
            let name = String::from_utf8_lossy(name);
            return Err(format!(
                "{name:?} names no record of {} partition {}; who else writes there?",
                self.topics.input,
                message.partition()
            ));
        };
        match message.payload() {
            Some(value) => _ = notes.insert(offset, Entry::read(value)?),
            None => _ = notes.remove(&offset),
        }
        Ok(())
    }
}
