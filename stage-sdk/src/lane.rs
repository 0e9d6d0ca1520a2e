//! Reads the topics of retry lanes, on a thread of its own: who has partitions waits for nothing.

use crate::broker::Broker;
use crate::chain::{Chain, StageRoute};
use crate::core::{Partition, Pending};
use crate::courier::{Reply, until_done};
use crate::record::{self, Headers, Kept, Record, pack};
use crate::redirect::{self, Entry};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// The prefix of the headers that a record has in the retry topic only.
pub(crate) const PREFIX: &str = "__stage.retry.";

/// Which record of the input it is.
const ID: &str = "__stage.retry.id";

/// One question to the broker.
const ASK: Duration = Duration::from_secs(5);

/// How long one look at a topic takes at most.
const LOOK: Duration = Duration::from_millis(100);

/// What one fetch brings at most.
const RECORDS: usize = 512;
const BYTES: usize = 1 << 20;

/// Rather than begin anew, so many records are read and passed over.
const NEAR: i64 = 1000;

/// The topics of the lanes of one input.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    pub(crate) input: String,
    pub(crate) retry: String,
    pub(crate) redirect: String,
}

impl Topics {
    pub(crate) fn of(stage: &StageRoute) -> Topics {
        Topics {
            input: stage.input.clone(),
            retry: Chain::retry_topic(stage),
            redirect: Chain::redirect_topic(stage),
        }
    }
}

/// How many records are parked in these partitions together, now.
///
/// # Errors
/// They cannot be read.
pub(crate) fn parked(broker: &Broker, topics: &Topics, partitions: i32) -> Result<usize, String> {
    let failed = |error: KafkaError| format!("topic {} cannot be read: {error}", topics.redirect);
    let mut lanes = Lanes {
        broker: broker.clone(),
        group: "stage-sdk".into(),
        topics: topics.clone(),
        stopping: Arc::default(),
        clients: None,
        at: None,
    };
    lanes.clients = Some(lanes.connect().map_err(failed)?);
    let mut all = 0;
    for number in 0..partitions {
        let partition = Partition { input: 0, number };
        all += lanes.read(partition).map_err(failed)??.0.len();
    }
    Ok(all)
}

pub(crate) enum Job {
    /// What is parked of a partition.
    Read(Partition),
    /// Records of the retry topic, from here on.
    Fetch(Partition, i64),
    /// Delete what is below.
    Clean(Partition, i64),
}

/// How a worker reaches its reader of lanes.
pub(crate) struct Reader {
    jobs: Sender<Job>,
    replies: Receiver<Reply>,
    stopping: Arc<AtomicBool>,
}

impl Reader {
    /// Starts the thread; `wake` is called with each reply.
    pub(crate) fn start(
        broker: Broker,
        group: &str,
        topics: Topics,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Reader> {
        let (jobs, todo) = mpsc::channel();
        let (done, replies) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let mut lanes = Lanes {
            broker,
            group: group.to_owned(),
            topics,
            stopping: stopping.clone(),
            clients: None,
            at: None,
        };
        std::thread::Builder::new().name("lane".into()).spawn(move || {
            for job in todo {
                let Some(reply) = lanes.carry(job) else { continue };
                if done.send(reply).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Reader { jobs, replies, stopping })
    }

    pub(crate) fn ask(&self, job: Job) {
        // The reader ends only with the worker.
        self.jobs.send(job).ok();
    }

    pub(crate) fn reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    /// Lets go of what cannot be had any more.
    pub(crate) fn give_up(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}

/// The clients, made when the first partition comes.
struct Clients {
    /// Reads committed records, wherever it is pointed.
    reader: BaseConsumer<Quiet>,
    /// Sees the end that transactions hide.
    ends: BaseConsumer<Quiet>,
    admin: AdminClient<DefaultClientContext>,
}

/// Tells of errors where they are met: the end of a partition is none.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "reader of the lane");
    }
}

impl ConsumerContext for Quiet {}

struct Lanes {
    broker: Broker,
    group: String,
    topics: Topics,
    stopping: Arc<AtomicBool>,
    clients: Option<Clients>,
    /// Where the reader stands: which partition of the retry topic, and its next record.
    at: Option<(Partition, i64)>,
}

impl Lanes {
    fn carry(&mut self, job: Job) -> Option<Reply> {
        if self.clients.is_none() {
            let stop = self.stopping.clone();
            self.clients =
                Some(until_done(&stop, "clients for the retry lane", || self.connect())?);
        }
        match job {
            Job::Read(partition) => {
                let stop = self.stopping.clone();
                let read = || self.read(partition);
                match until_done(&stop, "the redirect topic", read)? {
                    Ok((pending, start)) => Some(Reply::Parked(partition, pending, start)),
                    Err(text) => Some(Reply::Failed(text)),
                }
            }
            Job::Fetch(partition, from) => {
                let (next, records) = self.fetch(partition, from).unwrap_or_else(|error| {
                    tracing::debug!(%error, "the retry topic");
                    (from, Vec::new())
                });
                Some(Reply::Fetched(partition, next, records))
            }
            Job::Clean(partition, place) => {
                if let Err(error) = self.clean(partition, place) {
                    tracing::warn!(%error, topic = self.topics.retry, "what nobody needs any more could not be deleted");
                }
                None
            }
        }
    }

    fn connect(&self) -> KafkaResult<Clients> {
        let mut reader = self.broker.consumer(&self.group, None);
        reader
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "10")
            .set("queued.max.messages.kbytes", "4096");
        let mut ends = self.broker.consumer(&self.group, None);
        ends.set("isolation.level", "read_uncommitted");
        Ok(Clients {
            reader: reader.create_with_context(Quiet)?,
            ends: ends.create_with_context(Quiet)?,
            admin: self.broker.admin().create()?,
        })
    }

    fn clients(&self) -> KafkaResult<&Clients> {
        self.clients.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Reads the partition of the redirect topic to its end. An earlier owner's transaction may be
    /// decided and its markers still on their way: its notes count, so the end is the one that open
    /// transactions hide. It is asked for after the committed offsets were stable, so nothing of an
    /// earlier owner comes behind it.
    #[allow(clippy::type_complexity)] // what was asked for, or what no waiting mends; and errors that pass
    fn read(&mut self, partition: Partition) -> KafkaResult<Result<(Vec<Pending>, i64), String>> {
        self.at = None;
        let clients = self.clients()?;
        let (redirect, number) = (&self.topics.redirect, partition.number);
        let (start, _) = clients.ends.fetch_watermarks(&self.topics.retry, number, ASK)?;
        let (low, high) = clients.ends.fetch_watermarks(redirect, number, ASK)?;
        if low == high {
            return Ok(Ok((Vec::new(), start)));
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
        let pending = notes.into_iter().map(|(offset, entry)| Pending {
            offset,
            key: entry.key().map(|key| record::hash(partition, &key)),
            attempts: entry.attempts,
            first: entry.first(),
            rest: entry.rest(),
        });
        Ok(Ok((pending.collect(), start)))
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

    /// Records from this place on: what there is at once, or nothing.
    fn fetch(&mut self, partition: Partition, from: i64) -> KafkaResult<(i64, Vec<(i64, Kept)>)> {
        let here = self.at.take();
        let clients = self.clients()?;
        if here.is_none_or(|(of, next)| of != partition || from < next || from > next + NEAR) {
            let offset = Offset::Offset(from);
            assign(&clients.reader, &self.topics.retry, partition.number, offset)?;
        }
        let (mut next, mut records, mut bytes) = (from, Vec::new(), 0);
        let until = Instant::now() + LOOK;
        while records.len() < RECORDS && bytes < BYTES {
            let now = Instant::now();
            let wait = if records.is_empty() {
                until.saturating_duration_since(now)
            } else {
                Duration::ZERO
            };
            match clients.reader.poll(wait) {
                Some(Ok(message)) => {
                    next = message.offset() + 1;
                    if message.offset() < from {
                        continue;
                    }
                    bytes += message.payload_len() + message.key_len();
                    match self.unwrap(&message) {
                        Some(kept) => records.push((message.offset(), kept)),
                        None => tracing::warn!(
                            topic = self.topics.retry,
                            partition = partition.number,
                            offset = message.offset(),
                            "not a parked record of ours; it is passed over"
                        ),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => tracing::debug!(%error, "the retry topic"),
                None => break,
            }
        }
        self.at = Some((partition, next.max(from)));
        Ok((next.max(from), records))
    }

    /// The record as it was in the input.
    fn unwrap(&self, message: &BorrowedMessage<'_>) -> Option<Kept> {
        let mut headers = Vec::new();
        let found = record::of(message, &mut headers);
        let mut ids = Headers::new(found.headers).filter(|(name, _)| *name == ID);
        let id = ids.next()?.1?;
        let offset = redirect::offset(id, &self.topics.input, message.partition())?;
        Some(as_in_input(&found, offset))
    }

    fn clean(&self, partition: Partition, place: i64) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(place);
        list.add_partition_offset(&self.topics.retry, partition.number, offset)?;
        let options = AdminOptions::new().request_timeout(Some(ASK));
        let admin = &self.clients()?.admin;
        let deleted = futures::executor::block_on(admin.delete_records(&list, &options))?;
        deleted.elements().iter().try_for_each(|element| element.error())
    }
}

/// A record of the retry topic as the input has it, at this offset.
pub(crate) fn as_in_input(record: &Record<'_>, offset: i64) -> Kept {
    let mut headers = Vec::new();
    let own = Headers::new(record.headers).filter(|(name, _)| !name.starts_with(PREFIX));
    own.for_each(|(name, value)| pack(&mut headers, name, value));
    Kept::of(&Record { offset, headers: &headers, ..*record })
}

fn assign(
    reader: &BaseConsumer<Quiet>,
    topic: &str,
    number: i32,
    offset: Offset,
) -> KafkaResult<()> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, number, offset)?;
    reader.assign(&list)
}
