//! What is parked of a partition, as the redirect topic tells.

use super::look::{Controls, Looked, Wanted};
use super::{ASK, LOOK, LOST, Lanes, OPEN, Topics, assign};
use crate::broker::Broker;
use crate::control;
use crate::core::{Partition, Pending};
use crate::record;
use crate::redirect::{self, Entry};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How many records are parked in these partitions together, or are to be because they are replayed, now.
///
/// # Errors
/// They cannot be read.
pub(crate) fn parked(broker: &Broker, topics: &Topics, partitions: i32) -> Result<usize, String> {
    let told = tell(broker, topics, partitions)?;
    Ok(told.iter().map(|(_, told)| told.notes.len() + told.controls.replays()).sum())
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
    let told = tell(broker, topics, partitions)?.into_iter();
    let notes = told.flat_map(|(number, told)| {
        told.notes.into_iter().map(move |(offset, entry)| (number, offset, entry))
    });
    Ok(notes.collect())
}

fn tell(broker: &Broker, topics: &Topics, partitions: i32) -> Result<Vec<(i32, Told)>, String> {
    let failed = |error: KafkaError| format!("topic {} cannot be read: {error}", topics.redirect);
    let mut lanes = Lanes::new(broker.clone(), "stage-sdk", topics.clone(), None);
    lanes.clients = Some(lanes.connect().map_err(failed)?);
    (0..partitions).map(|number| Ok((number, lanes.told(number).map_err(failed)??))).collect()
}

/// What a partition of the redirect topic tells.
#[derive(Default)]
struct Told {
    /// What is parked, by offset.
    notes: HashMap<i64, Entry>,
    controls: Controls,
    /// It was read to here.
    end: i64,
}

/// What is in a lane when somebody takes it over.
pub(super) struct Left {
    pub(super) pending: Vec<Pending>,
    /// Where the retry topic begins.
    pub(super) start: i64,
    /// What operators want.
    pub(super) wanted: Vec<Wanted>,
}

impl Lanes {
    /// What the partition's earlier owner left; an error within is one that no waiting mends.
    pub(super) fn read(&mut self, partition: Partition) -> KafkaResult<Result<Left, String>> {
        let retry = &self.topics.retry;
        let (start, _) = self.clients()?.ends.fetch_watermarks(retry, partition.number, ASK)?;
        let told = match self.told(partition.number)? {
            Ok(told) => told,
            Err(text) => return Ok(Err(text)),
        };
        let (wanted, left) = told.controls.wanted(partition, &self.topics.redirect);
        self.looked.insert(partition, Looked { to: told.end, left });
        let pending = |(offset, entry): (i64, Entry)| {
            let key = entry.key().map(|key| record::hash(partition, &key));
            let note = entry.note().map_err(|text| {
                format!("{} partition {}: {text}", self.topics.redirect, partition.number)
            })?;
            Ok(Pending { offset, key, note })
        };
        let pending: Result<_, String> = told.notes.into_iter().map(pending).collect();
        Ok(pending.map(|pending| Left { pending, start, wanted }))
    }

    /// Reads the partition of the redirect topic to its end. An earlier owner's transaction may be
    /// decided and its markers still on their way: its notes count, so the end is the one that open
    /// transactions hide. It is asked for after the committed offsets were stable, so nothing of an
    /// earlier owner comes behind it.
    fn told(&mut self, number: i32) -> KafkaResult<Result<Told, String>> {
        self.at = None;
        let clients = self.clients()?;
        let redirect = &self.topics.redirect;
        let (low, high) = clients.ends.fetch_watermarks(redirect, number, ASK)?;
        if low == high {
            return Ok(Ok(Told { end: high, ..Told::default() }));
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
            if self.worker.is_none() && begun.elapsed() > OPEN {
                return Ok(Err(format!(
                    "a transaction in {redirect} partition {number} has been open for {} s; try again when its stage runs",
                    OPEN.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assign(&clients.reader, redirect, number, Offset::Beginning)?;
        let mut told = Told { end: high, ..Told::default() };
        let (mut read, mut heard) = (0u64, Instant::now());
        loop {
            match clients.reader.poll(LOOK) {
                Some(Ok(message)) => {
                    (read, heard) = (read + 1, Instant::now());
                    told.end = told.end.max(message.offset() + 1);
                    if let Err(text) = self.note(&mut told, &message) {
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
                None if self.worker.is_none() && heard.elapsed() > LOST => {
                    return Ok(Err(format!("no answer from the broker while reading {redirect}")));
                }
                None => {}
            }
        }
        clients.reader.unassign()?;
        if !told.notes.is_empty() {
            tracing::info!(topic = redirect, partition = number, parked = told.notes.len(), took = ?begun.elapsed(), "records are parked");
        }
        Ok(Ok(told))
    }

    fn note(&self, told: &mut Told, message: &BorrowedMessage<'_>) -> Result<(), String> {
        let name = message.key().unwrap_or_default();
        if control::is_control(name) {
            told.controls.take(message);
            return Ok(());
        }
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
            Some(value) => _ = told.notes.insert(offset, Entry::read(value)?),
            None => _ = told.notes.remove(&offset),
        }
        Ok(())
    }
}
