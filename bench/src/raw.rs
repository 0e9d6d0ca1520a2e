//! The limit to compare with: the same work in a plain rdkafka loop, as fast as we can make it
//! while it still checks that its outputs arrived and commits all it handled.
//!
//! It recovers from nothing: any error ends it. Once all is committed it waits to be killed.

use crate::contender::{Delivery, Job};
use crate::pizza::Pizza;
use crate::place::Place;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode::QueueFull;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A window closes at this many records or after this time.
const WINDOW: (u64, Duration) = (10_000, Duration::from_millis(100));

/// One that closes when idle holds so many at most.
const IDLE_WINDOW: u64 = 5_000;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    job: Job,
    /// Closes a window as soon as nothing more is there.
    #[arg(long)]
    idle: bool,
}

const WAIT: Duration = Duration::from_secs(60);

/// Counts failed deliveries; with `delivery.report.only.error` no other is reported.
#[derive(Default)]
struct Failed(AtomicU64);

impl ClientContext for Failed {}

impl ProducerContext for Failed {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Relaxed);
        }
    }
}

struct Loop<'j> {
    job: &'j Job,
    idle: bool,
    consumer: BaseConsumer,
    producer: BaseProducer<Failed>,
    exactly_once: bool,
    /// Where each partition goes on.
    next: [Option<i64>; 64],
    /// Records in the open window.
    open: u64,
}

pub(crate) fn run(place: &Place, Options { job, idle }: &Options) -> Result<()> {
    let exactly_once = job.delivery == Delivery::ExactlyOnce;
    let mut config = place.broker().consumer(&job.group, None);
    // A stage says itself where it begins; here librdkafka has to.
    config.set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[&job.input])?;
    let identity = exactly_once.then_some(job.group.as_str());
    let producer: BaseProducer<Failed> =
        place.producer(identity).create_with_context(Failed::default())?;
    if exactly_once {
        producer.init_transactions(WAIT)?;
    }
    let (idle, next) = (*idle, [None; 64]);
    Loop { job, idle, consumer, producer, exactly_once, next, open: 0 }.drain()?;
    loop {
        std::thread::park();
    }
}

impl Loop<'_> {
    /// Handles all records.
    fn drain(&mut self) -> Result<()> {
        let (mut done, mut closed) = (0, Instant::now());
        while done < self.job.records || self.open > 0 {
            let wait = if self.idle && self.open > 0 { 0 } else { 20 };
            let message = if done < self.job.records {
                self.consumer.poll(Duration::from_millis(wait)).transpose()?
            } else {
                None
            };
            let more = message.is_some();
            if let Some(message) = message {
                done += 1;
                self.job.say(done);
                if self.exactly_once && self.open == 0 {
                    self.producer.begin_transaction()?;
                }
                self.handle(&message)?;
                let partition = message.partition() as usize;
                let next = message.offset() + 1;
                *self.next.get_mut(partition).context("more than 64 partitions")? = Some(next);
                self.open += 1;
            }
            let last = done == self.job.records;
            let due = if self.idle {
                self.open >= IDLE_WINDOW || !more
            } else {
                self.open >= WINDOW.0 || closed.elapsed() > WINDOW.1
            };
            if self.open > 0 && (due || last) {
                self.close(last)?;
                closed = Instant::now();
            }
        }
        Ok(())
    }

    fn handle(&self, message: &BorrowedMessage<'_>) -> Result<()> {
        let payload = message.payload().context("a record without a value")?;
        let mut pizza: Pizza = serde_json::from_slice(payload)?;
        self.job.field.top(&mut pizza);
        let value = serde_json::to_vec(&pizza)?;
        let mut record = BaseRecord::to(&self.job.output).payload(&value);
        record.key = message.key();
        record.timestamp = message.timestamp().to_millis();
        while let Err((error, unsent)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(QueueFull) {
                bail!("a record cannot be sent: {error}");
            }
            self.producer.poll(Duration::from_millis(10));
            record = unsent;
        }
        Ok(())
    }

    /// Sees to it that all of the window arrived, then commits it.
    fn close(&mut self, last: bool) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in (0..).zip(&self.next) {
            if let Some(next) = next {
                offsets.add_partition_offset(&self.job.input, partition, Offset::Offset(*next))?;
            }
        }
        flush(&self.producer);
        self.producer.poll(Duration::ZERO);
        ensure!(self.producer.in_flight_count() == 0, "the flush timed out");
        ensure!(self.producer.context().0.load(Relaxed) == 0, "a delivery failed");
        if self.exactly_once {
            let member = self.consumer.group_metadata().context("no member of a group")?;
            self.producer.send_offsets_to_transaction(&offsets, &member, WAIT)?;
            self.producer.commit_transaction(WAIT)?;
        } else {
            let mode = if last { CommitMode::Sync } else { CommitMode::Async };
            self.consumer.commit(&offsets, mode)?;
        }
        self.open = 0;
        Ok(())
    }
}

/// Waits until every message is acknowledged or failed.
///
/// rdkafka's own `flush` polls for reports up to its deadline, and with only errors reported none
/// comes: 116 ms for a window that needs 12.
#[allow(unsafe_code)]
fn flush(producer: &BaseProducer<Failed>) {
    // SAFETY: the pointer is the live client that `producer` owns and keeps for the whole call;
    // rd_kafka_flush may be called from any thread. What it leaves behind is seen in the count of
    // messages in flight.
    unsafe { rdkafka_sys::rd_kafka_flush(producer.client().native_ptr(), WAIT.as_millis() as i32) };
}
