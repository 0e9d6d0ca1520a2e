//! Receive; partitions come and go.
//!
//! The rebalance callback only takes note. The worker's loop answers later, because what runs on
//! a partition is to finish first. Only once the consumer is being closed must the answer come
//! from inside the callback, or the close would wait for ever.

mod feed;
mod name;
mod reach;
mod seen;

pub(crate) use feed::Feeds;

use crate::broker::Broker;
use crate::core::{Partition, Position};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use reach::Reach;
use seen::Seen;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a join that is under way is waited for before leaving.
const JOIN: Duration = Duration::from_secs(2);

/// What the group did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rebalance {
    Assigned(Vec<Partition>),
    Revoked(Vec<Partition>),
    Lost(Vec<Partition>),
}

/// Takes note of what librdkafka calls back with.
pub(crate) struct Notes {
    topics: Vec<String>,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
    /// Events that were no records: a poll that serves one says the same as one that finds nothing.
    served: AtomicU32,
    reach: Reach,
    seen: Seen,
}

impl ClientContext for Notes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.served.fetch_add(1, Ordering::Relaxed);
        DefaultClientContext.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.served.fetch_add(1, Ordering::Relaxed);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.reach.lost(Instant::now());
        }
        tracing::debug!(%error, reason, "consumer");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.seen.take(statistics);
    }
}

impl ConsumerContext for Notes {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        self.served.fetch_add(1, Ordering::Relaxed);
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            return decline(consumer, assigned, list);
        }
        let partitions = list
            .elements()
            .iter()
            .filter_map(|element| self.partition(element.topic(), element.partition()))
            .collect();
        let rebalance = match (assigned, consumer.assignment_lost()) {
            (true, _) => {
                self.reach.found();
                Rebalance::Assigned(partitions)
            }
            (false, false) => Rebalance::Revoked(partitions),
            (false, true) => Rebalance::Lost(partitions),
        };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }
}

/// Nothing more is taken, and what is revoked is given back, less what was never taken: librdkafka
/// refuses an answer that names more than is held, and then waits for another.
fn decline(consumer: &BaseConsumer<Notes>, assigned: bool, list: &TopicPartitionList) {
    let mut ours = TopicPartitionList::new();
    let answer = if assigned {
        consumer.incremental_assign(&ours)
    } else {
        let held = consumer.assignment().unwrap_or_default();
        for element in list.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            if held.find_partition(topic, partition).is_some() {
                ours.add_partition(topic, partition);
            }
        }
        consumer.incremental_unassign(&ours)
    };
    if let Err(error) = answer {
        tracing::warn!(%error, "answer to a rebalance while closing");
    }
}

impl Notes {
    fn partition(&self, topic: &str, number: i32) -> Option<Partition> {
        let input = self.topics.iter().position(|known| known == topic)?;
        Some(Partition { input: input as u16, number })
    }
}

/// What a look at the input found.
pub(crate) enum Next<'m> {
    Record(BorrowedMessage<'m>),
    /// Something was served that is no record, perhaps a rebalance: look again.
    Event,
    Nothing,
}

impl<'m> Next<'m> {
    fn of(
        polled: Option<KafkaResult<BorrowedMessage<'m>>>,
        served: bool,
    ) -> Result<Next<'m>, KafkaError> {
        match polled {
            None if served => Ok(Next::Event),
            None => Ok(Next::Nothing),
            Some(Ok(message)) => Ok(Next::Record(message)),
            Some(Err(error)) if ends(&error) => Err(error),
            Some(Err(error)) => {
                tracing::debug!(%error, "consumer");
                Ok(Next::Event)
            }
        }
    }
}

/// A member of a group, reading committed records of its topics.
pub(crate) struct Consumer {
    base: Arc<BaseConsumer<Notes>>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Consumer {
    /// Joins the group. `wake` is called, from another thread, whenever there is something new.
    /// `apart`: its partitions will be read by themselves, of so many. `observed`: [`Consumer::seen`] has
    /// an answer.
    pub(crate) fn join(
        broker: &Broker,
        (group, member): (&str, Option<&str>),
        topics: &[String],
        apart: Option<i32>,
        observed: bool,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> KafkaResult<Consumer> {
        let notes = Notes {
            topics: topics.to_vec(),
            rebalances: Mutex::default(),
            closing: AtomicBool::new(false),
            served: AtomicU32::new(0),
            reach: Reach::new(&broker.servers),
            seen: Seen::default(),
        };
        let mut config = match apart {
            Some(partitions) => broker.member(group, member, partitions),
            None => broker.consumer(group, member),
        };
        if observed {
            config.set("statistics.interval.ms", seen::EVERY);
        }
        let mut base: BaseConsumer<Notes> = config.create_with_context(notes)?;
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let call = wake.clone();
        base.set_nonempty_callback(move || call());
        base.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Consumer { base: Arc::new(base), wake })
    }

    /// What comes next, besides what the feeds have; errors that pass are logged.
    pub(crate) fn next(&self) -> Result<Next<'_>, KafkaError> {
        let before = self.served();
        let polled = self.base.poll(Duration::ZERO);
        Next::of(polled, self.served() != before)
    }

    fn served(&self) -> u32 {
        self.base.context().served.load(Ordering::Relaxed)
    }

    /// For now and then while there is nothing else to do: finds brokers again that were lost.
    pub(crate) fn reach(&self) {
        self.base.context().reach.tell(self.base.client().native_ptr(), Instant::now());
    }

    /// What the group did since last asked, oldest first.
    pub(crate) fn rebalance(&self) -> Option<Rebalance> {
        let notes = self.base.context();
        notes.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The index of the topic a record came from.
    pub(crate) fn input(&self, topic: &str) -> u16 {
        let topics = &self.base.context().topics;
        topics.iter().position(|known| known == topic).unwrap_or_default() as u16
    }

    /// What is committed for these partitions, once no transaction that would change it is open.
    pub(crate) fn committed(
        &self,
        partitions: &[Partition],
        wait: Duration,
    ) -> KafkaResult<Vec<(Partition, i64, String)>> {
        let list = self.base.committed_offsets(self.list(partitions), wait)?;
        let mut all = Vec::new();
        for element in list.elements() {
            element.error()?;
            let partition = self.base.context().partition(element.topic(), element.partition());
            if let (Some(partition), Offset::Offset(offset)) = (partition, element.offset()) {
                all.push((partition, offset, element.metadata().to_owned()));
            }
        }
        Ok(all)
    }

    /// Behind the last record that can be read of a partition of any topic.
    pub(crate) fn end(&self, topic: &str, number: i32, wait: Duration) -> KafkaResult<i64> {
        Ok(self.base.fetch_watermarks(topic, number, wait)?.1)
    }

    /// Behind the last record of each of these that can be read.
    pub(crate) fn ends(
        &self,
        partitions: &[Partition],
        wait: Duration,
    ) -> KafkaResult<BTreeMap<Partition, i64>> {
        if partitions.is_empty() {
            // Whether there is an answer, is one.
            let topic = self.base.context().topics.first().map(String::as_str);
            return self.base.fetch_metadata(topic, wait).map(|_| BTreeMap::new());
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let topic = self.topic(*partition);
            list.add_partition_offset(topic, partition.number, Offset::End)?;
        }
        let mut ends = BTreeMap::new();
        for element in self.base.offsets_for_times(list, wait)?.elements() {
            element.error()?;
            let partition = self.base.context().partition(element.topic(), element.partition());
            if let (Some(partition), Offset::Offset(end)) = (partition, element.offset()) {
                ends.insert(partition, end);
            }
        }
        Ok(ends)
    }

    /// Up to where librdkafka has read partitions of which it has handed out everything: what is below
    /// and no record came of is none, but a mark of a transaction. As of a moment ago.
    pub(crate) fn seen(&self) -> BTreeMap<Partition, i64> {
        let notes = self.base.context();
        let of = |(topic, number, next): (String, i32, i64)| {
            Some((notes.partition(&topic, number)?, next))
        };
        notes.seen.all().into_iter().filter_map(of).collect()
    }

    /// Begins to consume these; without an offset from the beginning.
    pub(crate) fn assign(&self, partitions: &[(Partition, Option<i64>)]) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        for (partition, from) in partitions {
            let from = from.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(self.topic(*partition), partition.number, from)?;
        }
        self.base.incremental_assign(&list)
    }

    pub(crate) fn unassign(&self, partitions: &[Partition]) -> KafkaResult<()> {
        self.base.incremental_unassign(&self.list(partitions))
    }

    pub(crate) fn pause(&self, partitions: &[Partition]) -> KafkaResult<()> {
        self.base.pause(&self.list(partitions))
    }

    pub(crate) fn resume(&self, partitions: &[Partition]) -> KafkaResult<()> {
        self.base.resume(&self.list(partitions))
    }

    /// The offsets of a window as an offset commit.
    pub(crate) fn offsets<'p>(
        &self,
        parts: impl Iterator<Item = (Partition, &'p Position)>,
    ) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, position) in parts {
            let mut element = list.add_partition(self.topic(partition), partition.number);
            element.set_offset(Offset::Offset(position.next))?;
            element.set_metadata(position.metadata());
        }
        Ok(list)
    }

    /// The membership as of now. Taken where the window closes: an older generation is refused by
    /// the broker, and that is what keeps a lost partition from being committed.
    pub(crate) fn membership(&self) -> Option<ConsumerGroupMetadata> {
        self.base.group_metadata()
    }

    /// Commits offsets without a transaction; they are stored when this returns Ok.
    pub(crate) fn commit(&self, offsets: &TopicPartitionList) -> KafkaResult<()> {
        self.base.commit(offsets, rdkafka::consumer::CommitMode::Sync)
    }

    /// Leaves the group, so that others have the partitions at once. A static member that only
    /// closes does not leave; one that unsubscribes, and serves what the group asked of it meanwhile,
    /// does. Its name tells how far it is: who joins has none yet, and could not say who leaves, so
    /// the join is finished first; who has left has none any more. `owing`: an assignment was heard of
    /// and not answered, which the group would wait for.
    pub(crate) fn leave(self: Arc<Self>, owing: bool, wait: Duration) {
        let until = Instant::now() + wait;
        self.base.context().closing.store(true, Ordering::Release);
        // Who was fenced answers too, since a client that owes an answer never closes; but it is no member any
        // more, and has nothing to leave.
        self.answer_last(owing);
        if self.base.client().fatal_error().is_none() {
            self.serve_until(Instant::now() + JOIN.min(wait), || self.has_name());
            self.base.unsubscribe();
            self.serve_until(until, || !self.has_name());
        }
        // A courier, or the reader of a lane, may still wait for an answer with it. Only who has it
        // alone closes it, and before it is closed its leave may not have been sent.
        self.serve_until(until, || Arc::strong_count(&self) == 1);
        // A close waits for the broker without a limit.
        let (done, closed) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(self);
            done.send(()).ok();
        });
        if closed.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
            tracing::warn!(
                "the group was not left in time; its members wait for our session to end"
            );
        }
    }

    fn answer_last(&self, owing: bool) {
        let answered = match self.rebalance() {
            Some(Rebalance::Revoked(partitions) | Rebalance::Lost(partitions)) => {
                self.unassign(&partitions)
            }
            Some(Rebalance::Assigned(_)) => self.assign(&[]),
            None if owing => self.assign(&[]),
            None => Ok(()),
        };
        if let Err(error) = answered {
            tracing::debug!(%error, "answer to a rebalance before leaving");
        }
    }

    fn serve_until(&self, until: Instant, done: impl Fn() -> bool) {
        while !done() && Instant::now() < until {
            self.base.poll(Duration::from_millis(5));
        }
    }

    fn has_name(&self) -> bool {
        name::has_name(self.base.client().native_ptr())
    }

    fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(self.topic(*partition), partition.number);
        }
        list
    }

    fn topic(&self, partition: Partition) -> &str {
        let topics = &self.base.context().topics;
        topics.get(partition.input as usize).map_or("", String::as_str)
    }
}

/// Whether another member has our identity: this client is of no more use.
pub(crate) fn is_fenced(error: &KafkaError) -> bool {
    *error == KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId)
}

/// Errors that no waiting mends.
fn ends(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageConsumptionFatal(_)
            | KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
            )
    )
}
