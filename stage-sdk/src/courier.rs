//! Carries windows to Kafka on a thread of its own, so that the worker never waits: what blocks is
//! asked here and comes back as a reply.

use crate::broker::Quiet;
use crate::consumer::Consumer;
use crate::core::{Ended, Partition, Pending, Position, WindowId};
use crate::lane::{Back, Wanted, as_in_input};
use crate::producer::Producer;
use crate::record::{self, Kept};
use crate::sink::{Marked, Refusal, Row};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerGroupMetadata};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// One question to the broker.
const ASK: Duration = Duration::from_secs(5);

/// Between two questions while the broker is away.
const AGAIN: Duration = Duration::from_millis(200);

pub(crate) enum Job {
    /// Flush, offsets, commit.
    Commit(WindowId, Arc<Producer>, TopicPartitionList, Option<ConsumerGroupMetadata>),
    /// Flush (dead letters), then rows and offsets into the database.
    Store(WindowId, Arc<Producer>, Vec<Row>, Vec<(Partition, Position)>),
    /// What is sent goes on its way at once, and is waited for.
    Hurry(Arc<Producer>),
    Abort(WindowId, Arc<Producer>, Ended),
    /// A new producer in place of one that is broken.
    Renew,
    Restore(Vec<Partition>),
    /// Whether what is committed for one of these partitions carries the tag.
    Lookup(WindowId, Vec<Partition>, String),
    /// The source record of a refused output, by its offset, and where to read it.
    Reread(WindowId, Partition, i64, String, i64),
}

pub(crate) enum Reply {
    /// `acknowledged`: the outputs are in the topic, only the offsets are to be committed again.
    Ended {
        window: WindowId,
        ended: Ended,
        acknowledged: bool,
    },
    Hurried,
    Renewed(Arc<Producer>),
    Restored(Vec<(Partition, Option<Position>)>),
    Found(WindowId, bool),
    Reread(WindowId, Partition, i64, Kept),
    /// What is parked of a partition, where its retry topic begins, and what operators want.
    Parked(Partition, Vec<Pending>, i64, Vec<Wanted>),
    /// What operators want since then.
    Commanded(Partition, Vec<Wanted>),
    /// Where the next parked records may be, and those that were there.
    Fetched(Partition, i64, Vec<Back>),
    /// Another has this worker's place: it may begin anew.
    Fenced(String),
    /// Nothing that waiting mends.
    Failed(String),
}

/// How a worker reaches its courier.
pub(crate) struct Courier {
    jobs: Sender<Job>,
    replies: Receiver<Reply>,
    stopping: Arc<AtomicBool>,
}

/// What the courier needs to make clients.
pub(crate) struct Means {
    pub(crate) consumer: Arc<Consumer>,
    pub(crate) producer: Box<dyn FnMut() -> ClientConfig + Send>,
    pub(crate) reader: ClientConfig,
    pub(crate) exactly_once: bool,
    /// Where outputs and offsets go, if not to Kafka.
    pub(crate) sink: Option<Marked>,
    /// Flushes in a row that took too long.
    pub(crate) late: u32,
}

impl Courier {
    /// Starts the thread; `wake` is called with each reply.
    pub(crate) fn start(
        mut means: Means,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Courier> {
        let (jobs, todo) = mpsc::channel();
        let (done, replies) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        std::thread::Builder::new().name("courier".into()).spawn(move || {
            for job in todo {
                let Some(reply) = means.carry(job, &stop) else { return };
                if done.send(reply).is_err() {
                    return;
                }
                wake();
            }
        })?;
        Ok(Courier { jobs, replies, stopping })
    }

    pub(crate) fn ask(&self, job: Job) {
        // The courier ends only with the worker, or when told to give up.
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

impl Means {
    fn carry(&mut self, job: Job, stop: &AtomicBool) -> Option<Reply> {
        let consumer = self.consumer.clone();
        Some(match job {
            Job::Commit(window, producer, offsets, member) => {
                let (ended, acknowledged) = self.commit(&producer, offsets, member);
                Reply::Ended { window, ended, acknowledged }
            }
            Job::Hurry(producer) => {
                producer.hurry();
                Reply::Hurried
            }
            Job::Abort(window, producer, ended) => {
                let ended = producer.abort(ended);
                Reply::Ended { window, ended, acknowledged: false }
            }
            // The producer of a successor would be fenced by it.
            Job::Renew if stop.load(Ordering::Acquire) => return None,
            Job::Renew => {
                let config = (self.producer)();
                let open = || Producer::open(&config, ASK);
                Reply::Renewed(Arc::new(until_done(stop, "a new producer", open)?))
            }
            Job::Store(window, producer, rows, positions) => {
                match self.store(&producer, &rows, &positions, stop)? {
                    Ok(ended) => Reply::Ended { window, ended, acknowledged: false },
                    Err(text) => Reply::Fenced(text),
                }
            }
            Job::Restore(partitions) => {
                let committed = match &mut self.sink {
                    Some(sink) => {
                        until_done(stop, "the stored offsets", || sink.positions(&partitions))?
                    }
                    None => {
                        let ask = || consumer.committed(&partitions, ASK);
                        until_done(stop, "the committed offsets", ask)?
                    }
                };
                match restored(&partitions, committed) {
                    Ok(all) => Reply::Restored(all),
                    Err(text) => Reply::Failed(text),
                }
            }
            Job::Lookup(window, partitions, tag) => {
                let ask = || consumer.committed(&partitions, ASK);
                let committed = until_done(stop, "the outcome of a commit", ask)?;
                let ours = |(_, offset, metadata): &(Partition, i64, String)| {
                    Position::read(*offset, metadata).is_ok_and(|position| position.tag == tag)
                };
                Reply::Found(window, committed.iter().any(ours))
            }
            Job::Reread(window, partition, offset, topic, at) => {
                match self.reread(&topic, partition.number, at) {
                    Ok(kept) if partition.is_lane() => {
                        let kept = as_in_input(&kept.record(), offset);
                        Reply::Reread(window, partition, offset, kept)
                    }
                    Ok(kept) => Reply::Reread(window, partition, offset, kept),
                    Err(text) => Reply::Failed(text),
                }
            }
        })
    }

    /// Waits for the window's messages. The second time in a row that this takes too long the client
    /// may have lost its brokers for good: a new one is due.
    fn flush(&mut self, producer: &Producer) -> Result<(), Ended> {
        let flushed = producer.flush();
        self.late = if flushed == Err(Ended::TimedOut) { self.late + 1 } else { 0 };
        if self.late < 2 {
            return flushed;
        }
        self.late = 0;
        Err(Ended::Broken)
    }

    fn commit(
        &mut self,
        producer: &Producer,
        offsets: TopicPartitionList,
        member: Option<ConsumerGroupMetadata>,
    ) -> (Ended, bool) {
        if !self.exactly_once {
            if let Err(ended) = self.flush(producer) {
                return (abort_unless_broken(producer, ended), false);
            }
            return match self.consumer.commit(&offsets) {
                Ok(()) => (Ended::Committed, true),
                Err(error) => {
                    tracing::debug!(%error, "offsets");
                    (Ended::Aborted, true)
                }
            };
        }
        let Some(member) = member else { return (producer.abort(Ended::Aborted), false) };
        let offsets = producer.send_offsets(offsets, member);
        let flushed = self.flush(producer);
        let arrived = offsets.arrived();
        let ended = match flushed.and(arrived) {
            Ok(()) => producer.commit(),
            // What the messages met says more than what their transaction's failure did to the offsets.
            Err(ended) if arrived != Err(Ended::Broken) => abort_unless_broken(producer, ended),
            Err(_) => Ended::Broken,
        };
        (ended, false)
    }

    /// Dead letters are acknowledged first; then rows and offsets, all or none. None: told to give up before
    /// the rows, which a successor may be about to store.
    fn store(
        &mut self,
        producer: &Producer,
        rows: &[Row],
        positions: &[(Partition, Position)],
        stop: &AtomicBool,
    ) -> Option<Result<Ended, String>> {
        if let Err(ended) = self.flush(producer) {
            return Some(Ok(abort_unless_broken(producer, ended)));
        }
        let sink = self.sink.as_mut().filter(|_| !stop.load(Ordering::Acquire))?;
        Some(match sink.write(rows, positions) {
            Ok(()) => {
                // Nobody reads them back: they show the lag to whoever looks at the group.
                let list = self.consumer.offsets(positions.iter().map(|(p, at)| (*p, at)));
                if let Err(error) = list.and_then(|list| self.consumer.commit(&list)) {
                    tracing::debug!(%error, "offsets shown to the group");
                }
                Ok(Ended::Committed)
            }
            Err(Refusal::Fenced) => Err("another reader has advanced the stored offsets".into()),
            Err(Refusal::Away(error)) => {
                tracing::warn!("the database cannot now: {error:#}");
                Ok(Ended::Aborted)
            }
        })
    }

    fn reread(&self, topic: &str, partition: i32, offset: i64) -> Result<Kept, String> {
        let place = format!("{topic} partition {partition} offset {offset}");
        let failed = |error| format!("the refused record {place} cannot be read again: {error}");
        let reader: BaseConsumer<Quiet> = self.reader.create_with_context(Quiet).map_err(failed)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(failed)?;
        reader.assign(&list).map_err(failed)?;
        let until = Instant::now() + 6 * ASK;
        while Instant::now() < until {
            if let Some(Ok(message)) = reader.poll(AGAIN) {
                if message.offset() != offset {
                    break;
                }
                return Ok(Kept::of(&record::of(&message, &mut Vec::new())));
            }
        }
        Err(format!("the refused record {place} cannot be read again; was it deleted meanwhile?"))
    }
}

/// Ends what failed; a broken producer can end nothing.
fn abort_unless_broken(producer: &Producer, ended: Ended) -> Ended {
    if ended == Ended::Broken { ended } else { producer.abort(ended) }
}

fn restored(
    partitions: &[Partition],
    committed: Vec<(Partition, i64, String)>,
) -> Result<Vec<(Partition, Option<Position>)>, String> {
    let mut all = Vec::new();
    for partition in partitions {
        let found = committed.iter().find(|(known, _, _)| known == partition);
        let position = match found {
            None => None,
            Some((_, offset, metadata)) => {
                let position = Position::read(*offset, metadata);
                Some(position.map_err(|e| format!("partition {}: {e}", partition.number))?)
            }
        };
        all.push((*partition, position));
    }
    Ok(all)
}

/// Asks again until there is an answer, and says so now and then; none: told to give up.
pub(crate) fn until_done<T, E: std::fmt::Display>(
    stop: &AtomicBool,
    what: &str,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Option<T> {
    let mut said = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Some(answer),
            Err(error) => {
                if said.elapsed() > ASK {
                    tracing::warn!(%error, "still waiting for {what}");
                    said = Instant::now();
                }
                tracing::debug!(%error, "{what}");
            }
        }
        if stop.load(Ordering::Acquire) {
            return None;
        }
        std::thread::sleep(AGAIN);
    }
}
