//! A worker's hands on Kafka: batches of windows go out here, and the group's wishes are met.

use crate::batch::{Batch, Entry, Mark, Place};
use crate::consumer::Consumer;
use crate::core::{Core, Disposition, Effect, Ended, Partition, Window, WindowId};
use crate::courier::{Courier, Job, Reply};
use crate::dead_letter::{self, Origin, Trouble};
use crate::failure::{Failure, Kind};
use crate::producer::{Message, Producer};
use crate::record::{Headers, Record, pack};
use crate::sink::Row;
use rdkafka::Message as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What the broker adds to a record that is alone in its batch, at most.
const OVERHEAD: usize = 128;

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
    /// The main output, the named ones.
    pub(crate) targets: Vec<Option<Target>>,
    pub(crate) dead_letters: Target,
    pub(crate) key_required: bool,
    /// Outputs and offsets go to a database; only dead letters are produced.
    pub(crate) is_sink: bool,
    pub(crate) stops_on_failure: bool,
}

/// The window whose transaction is open, and how much of its batch is sent.
struct Sending {
    window: WindowId,
    batch: u64,
    next: usize,
    /// A send failed: the transaction can only be aborted.
    failed: Option<Ended>,
}

pub(crate) struct Kafka {
    pub(crate) consumer: Arc<Consumer>,
    courier: Courier,
    producer: Arc<Producer>,
    pub(crate) worksite: Worksite,
    batches: VecDeque<(u64, Batch)>,
    spare: Vec<Batch>,
    sending: Option<Sending>,
    /// Without transactions: its outputs are in the topic, its offsets are not committed yet.
    acknowledged: Option<WindowId>,
    assigning: Option<Vec<(Partition, Option<i64>)>>,
    replies: VecDeque<Reply>,
    replaced: HashSet<(Partition, i64)>,
}

impl Kafka {
    pub(crate) fn new(
        consumer: Arc<Consumer>,
        producer: Arc<Producer>,
        courier: Courier,
        worksite: Worksite,
    ) -> Kafka {
        Kafka {
            consumer,
            courier,
            producer,
            worksite,
            batches: VecDeque::new(),
            spare: Vec::new(),
            sending: None,
            acknowledged: None,
            assigning: None,
            replies: VecDeque::new(),
            replaced: HashSet::new(),
        }
    }

    pub(crate) fn topic(&self, partition: Partition) -> &str {
        self.worksite.inputs.get(partition.input as usize).map_or("", String::as_str)
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
        self.replies.pop_front().or_else(|| self.courier.reply())
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

    /// Whether the outputs since the mark can go where they are meant to.
    ///
    /// # Errors
    /// An output has no topic (Fatal), or is larger than its topic takes (Reject).
    pub(crate) fn check(&mut self, core: &Core, mark: Mark) -> Result<(), Failure> {
        let number = core.filling().batch;
        let Some((_, batch)) = self.batches.iter().find(|(known, _)| *known == number) else {
            return Ok(());
        };
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

    pub(crate) fn begin(&mut self, core: &Core, window: WindowId) {
        let Some(content) = core.window(window) else { return };
        let failed = self.producer.begin().err().map(|error| {
            tracing::debug!(%error, "begin");
            Ended::Aborted
        });
        self.sending = Some(Sending { window, batch: content.batch, next: 0, failed });
    }

    /// Sends what the open window holds and is not sent yet.
    pub(crate) fn send(&mut self, core: &Core) {
        let Some(sending) = &mut self.sending else { return };
        if sending.failed.is_some() {
            return;
        }
        let Some(window) = core.window(sending.window) else { return };
        let Some((_, batch)) = self.batches.iter().find(|(known, _)| *known == sending.batch)
        else {
            return;
        };
        while let Some(entry) = batch.get(sending.next) {
            sending.next += 1;
            if !window.holds(entry.source, entry.offset)
                || (self.worksite.is_sink && entry.target == 0)
            {
                continue;
            }
            let targets = &self.worksite.targets;
            let target = targets.get(entry.target as usize).and_then(Option::as_ref);
            let message = Message {
                topic: &target.unwrap_or(&self.worksite.dead_letters).topic,
                partition: entry.partition,
                key: batch.key(&entry),
                value: batch.value(&entry),
                headers: Headers::new(batch.headers(&entry)),
                time: entry.time,
            };
            if let Err(error) = self.producer.send(message) {
                tracing::debug!(%error, "send");
                let large =
                    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge);
                sending.failed = Some(if large { Ended::Refused } else { Ended::Aborted });
                return;
            }
        }
    }

    /// Sends the rest of the window and has it committed; the end comes as a reply.
    pub(crate) fn commit(&mut self, core: &Core, id: WindowId) -> Result<(), String> {
        let Some(window) = core.window(id) else { return Ok(()) };
        if self.acknowledged != Some(id) {
            if self.sending.as_ref().is_none_or(|sending| sending.window != id) {
                self.begin(core, id);
            }
            self.send(core);
        }
        let failed = self.sending.take().and_then(|sending| sending.failed);
        if let Some(ended) = failed {
            self.courier.ask(Job::Abort(id, self.producer.clone(), ended));
            return Ok(());
        }
        let parts = window.parts.iter().map(|(partition, part)| (*partition, &part.position));
        if self.worksite.is_sink {
            let positions = parts.map(|(partition, at)| (partition, at.clone())).collect();
            let job = Job::Store(id, self.producer.clone(), self.rows(window), positions);
            self.courier.ask(job);
            return Ok(());
        }
        let offsets = self.consumer.offsets(parts).map_err(|error| error.to_string())?;
        let member = self.consumer.membership();
        self.courier.ask(Job::Commit(id, self.producer.clone(), offsets, member));
        Ok(())
    }

    /// The outputs of a window, for a database.
    fn rows(&self, window: &Window) -> Vec<Row> {
        let batch = self.batches.iter().find(|(known, _)| *known == window.batch);
        let Some((_, batch)) = batch else { return Vec::new() };
        let ours = |entry: &&Entry| entry.target == 0 && window.holds(entry.source, entry.offset);
        let row = |entry: &Entry| Row {
            partition: entry.source.number,
            offset: entry.offset,
            key: batch.key(entry).map(<[u8]>::to_vec),
            value: batch.value(entry).map(<[u8]>::to_vec),
            headers: batch.headers(entry).to_vec(),
        };
        batch.entries().iter().filter(ours).map(row).collect()
    }

    pub(crate) fn abort(&mut self, window: WindowId) {
        self.sending = None;
        self.courier.ask(Job::Abort(window, self.producer.clone(), Ended::Aborted));
    }

    /// A window goes again; its outputs too, unless they are acknowledged.
    pub(crate) fn again(&mut self, window: WindowId, acknowledged: bool) {
        self.acknowledged = acknowledged.then_some(window);
    }

    pub(crate) fn renew(&mut self, producer: Arc<Producer>) {
        self.producer = producer;
        self.sending = None;
    }

    pub(crate) fn lookup(&mut self, core: &Core, id: WindowId) {
        if let Some(window) = core.window(id) {
            let partitions = window.parts.keys().copied().collect();
            self.courier.ask(Job::Lookup(id, partitions, core.tag(id)));
        }
    }

    /// Has the source record of a refused output read again.
    ///
    /// # Errors
    /// Its dead letter is refused as well.
    pub(crate) fn reread(
        &mut self,
        id: WindowId,
        partition: Partition,
        offset: i64,
    ) -> Result<(), String> {
        let topic = self.topic(partition).to_owned();
        if !self.replaced.insert((partition, offset)) {
            return Err(format!(
                "the broker refuses the dead letter of {topic} partition {} offset {offset} too; look at max.message.bytes of {}",
                partition.number, self.worksite.dead_letters.topic
            ));
        }
        self.courier.ask(Job::Reread(id, partition, topic, offset));
        Ok(())
    }

    /// Puts the dead letter of a refused record in place of its outputs.
    pub(crate) fn replace(
        &mut self,
        core: &Core,
        id: WindowId,
        source: Partition,
        offset: i64,
        record: &Record<'_>,
    ) {
        let text = "the broker refused its output (record too large, invalid timestamp, or invalid for the topic)";
        let trouble = Trouble::of(&Failure::reject(text), Some("production"));
        let mut letter = Batch::default();
        self.write_dead_letter(&mut letter, source.input, record, &trouble, Disposition::Rejected);
        let number = core.window(id).map(|window| window.batch);
        if let Some((_, batch)) = self.batches.iter_mut().find(|(known, _)| Some(*known) == number)
        {
            batch.replace(source, offset, &letter);
        }
    }

    /// Writes a record's dead letter into the filling batch.
    pub(crate) fn dead_letter(
        &mut self,
        core: &Core,
        input: u16,
        record: &Record<'_>,
        trouble: &Trouble,
        why: Disposition,
    ) {
        let mut letter = Batch::default();
        self.write_dead_letter(&mut letter, input, record, trouble, why);
        let source = Partition { input, number: record.partition };
        self.filling(core).append(&letter, source, record.offset);
    }

    fn write_dead_letter(
        &self,
        batch: &mut Batch,
        input: u16,
        record: &Record<'_>,
        trouble: &Trouble,
        why: Disposition,
    ) {
        let source = Partition { input, number: record.partition };
        let origin = Origin {
            topic: self.topic(source),
            group: &self.worksite.group,
            stage: &self.worksite.stage,
        };
        let target = &self.worksite.dead_letters;
        let mut headers = Vec::new();
        dead_letter::headers(&mut headers, record, &origin, trouble, why);
        let size = headers.len() + record.key.map_or(0, <[u8]>::len) + OVERHEAD;
        let mut value = record.value;
        if let Some(bytes) = value
            && size + bytes.len() > target.limit
        {
            // Its place says where the original is; to stop for it would hold up all others.
            pack(
                &mut headers,
                "__stage.errors.value.dropped",
                Some(bytes.len().to_string().as_bytes()),
            );
            value = None;
        }
        let place = Place {
            source,
            offset: record.offset,
            target: u16::MAX,
            partition: Some(record.partition % target.partitions.max(1)),
            time: -1,
            key: record.key,
            headers: &headers,
        };
        let write = value.map(|value| {
            move |bytes: &mut Vec<u8>| {
                bytes.extend_from_slice(value);
                Ok::<(), std::convert::Infallible>(())
            }
        });
        batch.push(place, write).ok();
    }

    /// Meets the group's wishes.
    pub(crate) fn group(&mut self, effect: Effect) {
        let answer = match effect {
            Effect::Assign(partitions) => {
                self.assigning.get_or_insert_default().extend(partitions);
                Ok(())
            }
            Effect::Unassign(partitions) => self.consumer.unassign(&partitions),
            Effect::Pause(partitions) => {
                self.assign();
                self.consumer.pause(&partitions)
            }
            Effect::Resume(partitions) => self.consumer.resume(&partitions),
            _ => Ok(()),
        };
        if let Err(error) = answer {
            tracing::warn!(%error, "the group's partitions could not be changed");
        }
    }

    /// Answers an assignment, also an empty one: the group waits for it.
    pub(crate) fn assign(&mut self) {
        if let Some(partitions) = self.assigning.take()
            && let Err(error) = self.consumer.assign(&partitions)
        {
            tracing::warn!(%error, "partitions could not be assigned");
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
            other => format!("{inputs} cannot be read by group {}: {other}", self.worksite.group),
        }
    }

    pub(crate) fn leave(self, wait: Duration) {
        self.courier.give_up();
        drop(self.courier);
        drop(self.producer);
        self.consumer.leave(wait);
    }
}
