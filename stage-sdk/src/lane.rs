//! Reads the topics of retry lanes, on a thread of its own: who has partitions waits for nothing.

mod fetch;

mod look;

mod parked;

pub(crate) use fetch::{Back, as_in_input};
pub(crate) use look::{Answers, Wanted};
pub(crate) use parked::{notes, parked};

use parked::Left;

use crate::broker::{Broker, Quiet};
use crate::chain::{Chain, StageRoute};
use crate::consumer::Consumer;
use crate::core::Partition;
use crate::courier::{Reply, until_done};
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// The prefix of the headers that a record has in the retry topic only.
pub(crate) const PREFIX: &str = "__stage.retry.";

/// One question to the broker.
const ASK: Duration = Duration::from_secs(5);

/// After so long without anything to do the clients are let go.
const IDLE: Duration = Duration::from_secs(10);

/// After so long without an answer the clients are made anew, or whoever only looks gives up.
const LOST: Duration = Duration::from_secs(10);

/// So long an open transaction is waited for by whoever only looks: by itself it ends within a minute.
const OPEN: Duration = Duration::from_secs(75);

/// How long one look at a topic takes at most.
const LOOK: Duration = Duration::from_millis(100);

/// After so many fetches in a row that found nothing, ten seconds or more, that is said.
const VAIN: u32 = 200;

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

pub(crate) enum Job {
    /// What is parked of a partition.
    Read(Partition),
    /// Operators' commands that are new since then, or the last look.
    Look(Partition),
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
        worker: Arc<Consumer>,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Reader> {
        let (jobs, todo) = mpsc::channel();
        let (done, replies) = mpsc::channel();
        let mut lanes = Lanes::new(broker, group, topics, Some(worker));
        let stopping = lanes.stopping.clone();
        std::thread::Builder::new().name("lane".into()).spawn(move || {
            loop {
                match todo.recv_timeout(IDLE) {
                    Ok(_) if lanes.stopping.load(Ordering::Acquire) => break,
                    Ok(job) => {
                        let Some(reply) = lanes.carry(job) else { continue };
                        if done.send(reply).is_err() {
                            break;
                        }
                        wake();
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if lanes.used.elapsed() > IDLE {
                    lanes.rest();
                }
            }
            // Who leaves the group waits until nobody else has its client.
            lanes.worker = None;
            // Whoever waits for the end is told by the last of `done`.
            drop(lanes);
            drop(done);
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

    /// Ends the thread, which lets go of the worker's client first.
    pub(crate) fn close(self) -> Ending {
        self.give_up();
        Ending(self.replies)
    }
}

/// A thread and its clients on their way to the end.
pub(crate) struct Ending(Receiver<Reply>);

impl Ending {
    /// Waits for it, or leaves them behind after this long.
    pub(crate) fn wait(self, wait: Duration) {
        let until = Instant::now() + wait;
        while self.0.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
    }
}

/// The clients, made when there is something to do.
struct Clients {
    /// Reads committed records, wherever it is pointed.
    reader: BaseConsumer<Quiet>,
    /// Sees the end that transactions hide.
    ends: BaseConsumer<Quiet>,
    admin: AdminClient<Quiet>,
}

struct Lanes {
    broker: Broker,
    group: String,
    topics: Topics,
    /// The worker that has the partitions; none: we only look.
    worker: Option<Arc<Consumer>>,
    stopping: Arc<AtomicBool>,
    clients: Option<Clients>,
    /// When the clients had something to do.
    used: Instant,
    /// Where the reader stands: which partition of the retry topic, and its next record.
    at: Option<(Partition, i64)>,
    /// Reads what operators wrote, without taking the other from its place; made when there is
    /// something new to read.
    looker: Option<BaseConsumer<Quiet>>,
    /// How far each partition of the redirect topic was looked through for commands.
    looked: HashMap<Partition, look::Looked>,
    /// Fetches in a row that found nothing.
    in_vain: u32,
    /// Since when looks and fetches fail, or are not answered.
    unheard: Option<Instant>,
}

impl Lanes {
    fn new(broker: Broker, group: &str, topics: Topics, worker: Option<Arc<Consumer>>) -> Lanes {
        let group = group.to_owned();
        Lanes {
            broker,
            group,
            topics,
            worker,
            stopping: Arc::default(),
            clients: None,
            used: Instant::now(),
            at: None,
            looker: None,
            looked: HashMap::new(),
            in_vain: 0,
            unheard: None,
        }
    }

    /// Nothing has been parked for a while: clients cost threads and connections.
    fn rest(&mut self) {
        (self.clients, self.looker, self.at) = (None, None, None);
    }

    /// What came of a question. Clients that hear nothing for long may know brokers that are gone.
    fn heard<T>(&mut self, what: &str, answer: KafkaResult<T>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.unheard = None;
                Some(answer)
            }
            Err(error) => {
                tracing::debug!(%error, "{what}");
                if self.unheard.get_or_insert_with(Instant::now).elapsed() > LOST {
                    self.unheard = None;
                    self.rest();
                }
                None
            }
        }
    }

    fn carry(&mut self, job: Job) -> Option<Reply> {
        if !matches!(job, Job::Look(_)) {
            self.used = Instant::now();
            if self.clients.is_none() {
                let stop = self.stopping.clone();
                let clients = until_done(&stop, "clients for the retry lane", || self.connect())?;
                self.clients = Some(clients);
            }
        }
        match job {
            Job::Read(partition) => {
                let stop = self.stopping.clone();
                let mut since = Instant::now();
                let read = || {
                    if since.elapsed() > LOST {
                        since = Instant::now();
                        self.rest();
                        self.clients = Some(self.connect()?);
                    }
                    self.read(partition)
                };
                match until_done(&stop, "the redirect topic", read)? {
                    Ok(Left { pending, start, wanted }) => {
                        Some(Reply::Parked(partition, pending, start, wanted))
                    }
                    Err(text) => Some(Reply::Failed(text)),
                }
            }
            Job::Look(partition) => {
                let wanted = self.look(partition);
                let wanted = self.heard("looking for commands", wanted);
                Some(Reply::Commanded(partition, wanted.unwrap_or_default()))
            }
            Job::Fetch(partition, from) => {
                // Silence tells nothing: there may be nothing new.
                let fetched = match self.fetch(partition, from).transpose() {
                    Some(fetched) => self.heard("the retry topic", fetched),
                    None => None,
                };
                let (next, records) = fetched.unwrap_or_else(|| (from, Vec::new()));
                self.in_vain = if records.is_empty() { self.in_vain + 1 } else { 0 };
                if self.in_vain.is_multiple_of(VAIN) && self.in_vain > 0 {
                    tracing::warn!(
                        topic = self.topics.retry,
                        partition = partition.number,
                        from,
                        "parked records are not there yet; unless the broker is away, were they deleted?"
                    );
                }
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

    fn reader(&self) -> KafkaResult<BaseConsumer<Quiet>> {
        let mut reader = self.broker.consumer(&self.group, None);
        reader
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "10")
            .set("queued.max.messages.kbytes", "4096");
        reader.create_with_context(Quiet)
    }

    fn connect(&self) -> KafkaResult<Clients> {
        let mut ends = self.broker.consumer(&self.group, None);
        ends.set("isolation.level", "read_uncommitted");
        Ok(Clients {
            reader: self.reader()?,
            ends: ends.create_with_context(Quiet)?,
            admin: self.broker.admin().create_with_context(Quiet)?,
        })
    }

    fn clients(&self) -> KafkaResult<&Clients> {
        self.clients.as_ref().ok_or(KafkaError::Canceled)
    }
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
