//! A producer of a run: the sequence numbers it is at, and the transaction it has open.

use crate::ask::transaction::Transaction;
use crate::batch::{Batch, Producer};
use std::collections::BTreeMap;

pub(crate) struct Writer {
    pub(crate) producer: Producer,
    /// Its transactional id.
    pub(crate) transaction: Option<Transaction>,
    /// The number of the transaction that is open, and the partitions it has.
    pub(crate) open: Option<(usize, Vec<usize>)>,
    last: BTreeMap<usize, Last>,
}

/// What it wrote last to a partition.
struct Last {
    batch: Batch,
    offset: i64,
    transaction: Option<usize>,
    /// The sequence number that comes next.
    next: i32,
}

impl Writer {
    pub(crate) fn new(producer: Producer) -> Writer {
        Writer { producer, transaction: None, open: None, last: BTreeMap::new() }
    }

    pub(crate) fn of(transaction: Transaction) -> Writer {
        let producer = transaction.producer;
        Writer { transaction: Some(transaction), ..Writer::new(producer) }
    }

    /// A batch as its next one for a partition; further on, if numbers are to be left out.
    pub(crate) fn next(&self, partition: usize, batch: Batch, left_out: i32) -> Batch {
        let next = self.next_sequence(partition) + left_out;
        match &self.transaction {
            Some(_) => batch.within(self.producer, next),
            None => batch.by(self.producer, next),
        }
    }

    pub(crate) fn wrote(&mut self, partition: usize, batch: Batch, records: i32, offset: i64) {
        let next = self.next_sequence(partition) + records;
        let transaction = self.number();
        self.last.insert(partition, Last { batch, offset, transaction, next });
    }

    /// The last batch for a partition, and its offset. One of an earlier transaction is not sent
    /// again: Apache Kafka then refuses what comes after it.
    pub(crate) fn last(&self, partition: usize) -> Option<(Batch, i64)> {
        let last = self.last.get(&partition).filter(|last| last.transaction == self.number())?;
        Some((last.batch.clone(), last.offset))
    }

    /// The number of its open transaction.
    pub(crate) fn number(&self) -> Option<usize> {
        self.open.as_ref().map(|(number, _)| *number)
    }

    fn next_sequence(&self, partition: usize) -> i32 {
        self.last.get(&partition).map_or(0, |last| last.next)
    }
}
