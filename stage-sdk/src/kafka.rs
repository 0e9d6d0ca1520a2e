//! A worker's hands on Kafka: batches of windows go out here, and the group's wishes are met.

mod letters;

mod parking;

mod send;

use crate::batch::{Batch, Mark};
use crate::consumer::{Consumer, Feeds, is_fenced};
use crate::core::{Core, Effect, Ended, Partition, Policy, WindowId};
use crate::courier::{Courier, Job, Reply};
use crate::failure::{Failure, Kind};
use crate::lane::{self, Reader};
use crate::producer::Producer;
use crate::telemetry::Sent;
use rdkafka::Message as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the broker adds to a record that is alone in its batch, at most.
const OVERHEAD: usize = 128;

/// Targets besides the outputs: the dead letters, the retry topic, the redirect topic.
pub(crate) const DEAD_LETTERS: u16 = u16::MAX;
const RETRY: u16 = u16::MAX - 1;
const REDIRECT: u16 = u16::MAX - 2;

/// Answers to operators, in the redirect topic: they stay where a record's outputs are replaced.
pub(crate) const CONTROL: u16 = u16::MAX - 3;

/// A topic that outputs go to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partitions: i32,
    /// Its `max.message.bytes`.
    pub(crate) limit: usize,
}

/// Who this worker is, and which topics are its own.
#[derive(Clone, Debug)]
pub(crate) struct Worksite {
    pub(crate) stage: String,
    pub(crate) group: String,
    pub(crate) inputs: Vec<String>,
    /// How many partitions the input had at the start.
    pub(crate) partitions: i32,
    /// Partitions are read by themselves.
    pub(crate) apart: bool,
    /// The main output, the named ones.
    pub(crate) targets: Vec<Option<Target>>,
    pub(crate) dead_letters: Target,
    /// The retry topic and the redirect topic, where the policy parks records.
    pub(crate) lane: Option<(Target, Target)>,
    pub(crate) dialects: crate::dead_letter::Dialects,
    pub(crate) key_required: bool,
    /// Outputs and offsets go to a database; only dead letters are produced.
    pub(crate) is_sink: bool,
    /// Outputs are seen once their window is committed, and not before.
    pub(crate) outputs_wait: bool,
    pub(crate) policy: Policy,
}

impl Worksite {
    /// The topic of a target.
    fn topic(&self, target: u16) -> &str {
        let target = match (target, &self.lane) {
            (RETRY, Some((retry, _))) => retry,
            (REDIRECT | CONTROL, Some((_, redirect))) => redirect,
            _ => {
                let output = self.targets.get(target as usize).and_then(Option::as_ref);
                output.unwrap_or(&self.dead_letters)
            }
        };
        &target.topic
    }
}

/// The window whose transaction is open, and how much of its batch is sent.
struct Sending {
    window: WindowId,
    batch: u64,
    next: usize,
    /// How many of those do not wait for company.
    hurried: usize,
    /// A send failed: the transaction can only be aborted.
    failed: Option<Ended>,
}

pub(crate) struct Kafka {
    pub(crate) consumer: Arc<Consumer>,
    /// The records of the partitions that are ours.
    pub(crate) feeds: Feeds,
    courier: Courier,
    producer: Arc<Producer>,
    pub(crate) worksite: Worksite,
    lanes: Option<Reader>,
    batches: VecDeque<(u64, Batch)>,
    spare: Vec<Batch>,
    sending: Option<Sending>,
    /// The courier has been asked for it.
    hurrying: bool,
    /// To be committed once what is on its way has arrived.
    closing: Option<WindowId>,
    /// Without transactions: its outputs are in the topic, its offsets are not committed yet.
    acknowledged: Option<WindowId>,
    assigning: Option<Vec<(Partition, Option<i64>)>>,
    replies: VecDeque<Reply>,
    replaced: HashSet<(Partition, i64)>,
    /// Outputs of the window on its way.
    leaving: u64,
    pub(crate) sent: Sent,
}

impl Kafka {
    pub(crate) fn new(
        consumer: Arc<Consumer>,
        producer: Arc<Producer>,
        courier: Courier,
        lanes: Option<Reader>,
        worksite: Worksite,
    ) -> Kafka {
        Kafka {
            consumer,
            feeds: Feeds::new(worksite.apart),
            courier,
            producer,
            worksite,
            lanes,
            batches: VecDeque::new(),
            spare: Vec::new(),
            sending: None,
            closing: None,
            hurrying: false,
            acknowledged: None,
            assigning: None,
            replies: VecDeque::new(),
            replaced: HashSet::new(),
            leaving: 0,
            sent: Sent::default(),
        }
    }

    pub(crate) fn topic(&self, partition: Partition) -> &str {
        let input = partition.source().input as usize;
        self.worksite.inputs.get(input).map_or("", String::as_str)
    }

    /// Which input a message is of.
    pub(crate) fn input_of(&self, message: &BorrowedMessage<'_>) -> u16 {
        match self.worksite.inputs.len() {
            1 => 0,
            _ => self.consumer.input(message.topic()),
        }
    }

    pub(crate) fn ask(&self, job: Job) {
        self.courier.ask(job);
    }

    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let lanes = || self.lanes.as_ref().and_then(Reader::reply);
        self.replies.pop_front().or_else(|| self.courier.reply()).or_else(lanes)
    }

    pub(crate) fn ask_lane(&self, job: lane::Job) {
        if let Some(lanes) = &self.lanes {
            lanes.ask(job);
        }
    }

    pub(crate) fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// The batch that takes what finishes now.
    pub(crate) fn filling(&mut self, core: &Core) -> &mut Batch {
        let number = core.filling().batch;
        if self.batches.back().is_none_or(|(known, _)| *known != number) {
            let batch = self.spare.pop().unwrap_or_default();
            self.batches.push_back((number, batch));
        }
        let last = self.batches.len() - 1;
        &mut self.batches[last].1
    }

    pub(crate) fn recycle(&mut self, number: u64) {
        if let Some(at) = self.batches.iter().position(|(known, _)| *known == number)
            && let Some((_, mut batch)) = self.batches.remove(at)
        {
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// Whether the filling batch's outputs since the mark can go where they are meant to.
    ///
    /// # Errors
    /// An output has no topic (Fatal), or is larger than its topic takes (Reject).
    pub(crate) fn check(&self, mark: Mark) -> Result<(), Failure> {
        let Some((_, batch)) = self.batches.back() else { return Ok(()) };
        for entry in batch.entries_since(mark) {
            if self.worksite.is_sink && entry.target == 0 {
                continue;
            }
            let Some(Some(target)) = self.worksite.targets.get(entry.target as usize) else {
                let text = format!(
                    "stage {:?} returned an output and has none; give --output, or return ()",
                    self.worksite.stage
                );
                return Err(Failure::new(Kind::Fatal, anyhow::anyhow!(text)));
            };
            let size = batch.size(entry) + OVERHEAD;
            if size > target.limit {
                return Err(Failure::reject(format!(
                    "the output is {size} bytes and topic {} takes {} (max.message.bytes)",
                    target.topic, target.limit
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn lookup(&mut self, core: &Core, id: WindowId) {
        if let Some(window) = core.window(id) {
            let partitions = window.positions().map(|(partition, _)| partition).collect();
            self.courier.ask(Job::Lookup(id, partitions, core.tag(id)));
        }
    }

    /// Meets the group's wishes.
    pub(crate) fn group(&mut self, effect: Effect) {
        let answer = match effect {
            Effect::Assign(partitions) => {
                self.assigning.get_or_insert_default().extend(partitions);
                Ok(())
            }
            Effect::Unassign(partitions) => {
                let answer = self.consumer.unassign(&partitions);
                self.feeds.end(&partitions);
                answer
            }
            Effect::Pause(partitions) => {
                self.assign();
                self.feeds.pause(&self.consumer, &partitions)
            }
            Effect::Resume(partitions) => self.feeds.resume(&self.consumer, &partitions),
            _ => Ok(()),
        };
        if let Err(error) = answer {
            tracing::warn!(%error, "the group's partitions could not be changed");
        }
    }

    /// Answers an assignment, also an empty one: the group waits for it.
    pub(crate) fn assign(&mut self) {
        let Some(partitions) = self.assigning.take() else { return };
        for (partition, _) in &partitions {
            self.feeds.begin(&self.consumer, *partition);
        }
        if let Err(error) = self.consumer.assign(&partitions) {
            tracing::warn!(%error, "partitions could not be assigned");
        }
        // A pause outlives the ownership in which it was made.
        let all: Vec<Partition> = partitions.iter().map(|(partition, _)| *partition).collect();
        if let Err(error) = self.feeds.resume(&self.consumer, &all) {
            tracing::warn!(%error, "partitions could not be resumed");
        }
    }

    pub(crate) fn expect_assignment(&mut self) {
        self.assigning.get_or_insert_default();
    }

    /// An error of the consumer that ends the worker, with the next step.
    pub(crate) fn explain(&self, error: &KafkaError) -> String {
        let inputs = self.worksite.inputs.join(", ");
        match error {
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => format!(
                "the committed offset of group {} in {inputs} exists no longer: retention deleted records that were not handled yet. \
                 Reset the group's offsets (kafka-consumer-groups --reset-offsets) to accept the loss, and lengthen retention.ms",
                self.worksite.group
            ),
            error if is_fenced(error) => format!(
                "another member of group {} took this worker's identity: a second process with the same state directory, or what was asked for before and came late; \
                 what was not committed is read again, nothing is lost",
                self.worksite.group
            ),
            other => format!("{inputs} cannot be read by group {}: {other}", self.worksite.group),
        }
    }

    pub(crate) fn leave(self, wait: Duration) {
        let until = Instant::now() + wait;
        self.courier.give_up();
        let lanes = self.lanes.map(Reader::close);
        drop(self.courier);
        drop(self.producer);
        drop(self.feeds);
        self.consumer.leave(self.assigning.is_some(), wait);
        if let Some(lanes) = lanes {
            lanes.wait(until.saturating_duration_since(Instant::now()));
        }
    }
}
