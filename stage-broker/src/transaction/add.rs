//! AddPartitionsToTxn and AddOffsetsToTxn: what a transaction writes to; and whether it may.

use super::{Producer, State, Step, Time, Transaction, Transactions};
use kafka_protocol::error::ResponseError;

impl Transactions {
    /// Answers AddPartitionsToTxn: one result for all of the request's partitions.
    pub(crate) fn add_partitions(
        &mut self,
        now: Time,
        transactional_id: &str,
        producer: Producer,
        partitions: &[(&str, i32)],
    ) -> Step<Result<(), ResponseError>> {
        self.add(now, transactional_id, producer, |transaction| {
            let before = transaction.partitions.len();
            let new = partitions.iter().map(|(topic, number)| ((*topic).to_owned(), *number));
            transaction.partitions.extend(new);
            transaction.partitions.len() > before
        })
    }

    /// Answers AddOffsetsToTxn.
    pub(crate) fn add_group(
        &mut self,
        now: Time,
        transactional_id: &str,
        producer: Producer,
        group: &str,
    ) -> Step<Result<(), ResponseError>> {
        self.add(now, transactional_id, producer, |transaction| {
            transaction.groups.insert(group.to_owned())
        })
    }

    fn add(
        &mut self,
        now: Time,
        id: &str,
        producer: Producer,
        change: impl FnOnce(&mut Transaction) -> bool,
    ) -> Step<Result<(), ResponseError>> {
        let mut step = Step::default();
        let mut next = match self.open(id, producer) {
            Ok(transaction) => transaction.clone(),
            Err(error) => return step.with(Err(error)),
        };
        let begins = next.state != State::Ongoing;
        if begins {
            next.state = State::Ongoing;
            next.started = now;
            next.number += 1;
        }
        if change(&mut next) || begins {
            next.changed = now;
            self.put(now, id, Some(next), &mut step);
        }
        step.with(Ok(()))
    }

    /// The producer's transaction, if it can go on.
    fn open(&self, id: &str, producer: Producer) -> Result<&Transaction, ResponseError> {
        let transaction = self.of(id, producer)?;
        match transaction.state.prepared() {
            Some(_) => Err(ResponseError::ConcurrentTransactions),
            None => Ok(transaction),
        }
    }

    /// The transaction, if it is this producer's.
    pub(super) fn of(&self, id: &str, producer: Producer) -> Result<&Transaction, ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        let transaction = self.all.get(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer.id != producer.id {
            Err(ResponseError::InvalidProducerIdMapping)
        } else if transaction.producer.epoch != producer.epoch {
            Err(ResponseError::ProducerFenced)
        } else {
            Ok(transaction)
        }
    }

    /// Whether the producer may append to this partition (Produce). As there, a fenced producer is
    /// told INVALID_PRODUCER_EPOCH; what was not added is TRANSACTION_ABORTABLE (for clients that do
    /// not know it, INVALID_TXN_STATE); Kafka makes NOT_ENOUGH_REPLICAS of CONCURRENT_TRANSACTIONS.
    pub(crate) fn holds_partition(
        &self,
        transactional_id: &str,
        producer: Producer,
        topic: &str,
        partition: i32,
    ) -> Result<(), ResponseError> {
        let place = (topic.to_owned(), partition);
        self.holds(transactional_id, producer, |t| t.partitions.contains(&place))
    }

    /// Whether the producer may commit this group's offsets (TxnOffsetCommit); likewise, but
    /// CONCURRENT_TRANSACTIONS stays.
    pub(crate) fn holds_group(
        &self,
        transactional_id: &str,
        producer: Producer,
        group: &str,
    ) -> Result<(), ResponseError> {
        self.holds(transactional_id, producer, |t| t.groups.contains(group))
    }

    fn holds(
        &self,
        id: &str,
        producer: Producer,
        added: impl FnOnce(&Transaction) -> bool,
    ) -> Result<(), ResponseError> {
        let transaction = self.open(id, producer).map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            other => other,
        })?;
        if transaction.state == State::Ongoing && added(transaction) {
            Ok(())
        } else {
            Err(ResponseError::TransactionAbortable)
        }
    }
}
