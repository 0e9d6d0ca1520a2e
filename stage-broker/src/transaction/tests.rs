//! Behaviours of transactions, one a test.

mod add;
mod describe;
mod end;
mod epochs;
mod expiry;
mod init;
mod model;
mod restart;
mod unwritten;

use super::*;
use kafka_protocol::error::ResponseError;
use std::collections::BTreeMap;

/// The broker around the transactions: writes records down, keeps answers and markers.
pub(crate) struct Desk {
    pub(crate) transactions: Transactions,
    pub(crate) now: Time,
    pub(crate) written: BTreeMap<Key, Value>,
    pub(crate) answers: BTreeMap<Token, Ended>,
    pub(crate) markers: Vec<WriteMarkers>,
    pub(crate) tokens: Token,
    /// Nothing can be written down.
    pub(crate) broken: bool,
}

pub(crate) const TIMEOUT: Time = 60_000;

pub(crate) fn at(id: i64, epoch: i16) -> Producer {
    Producer { id, epoch }
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk {
            transactions: Transactions::new(Settings::default(), 1_000_000),
            now: 1_000_000,
            written: BTreeMap::new(),
            answers: BTreeMap::new(),
            markers: Vec::new(),
            tokens: 0,
            broken: false,
        }
    }

    /// Writes down, then delivers, and remembers the markers to be written.
    pub(crate) fn follow<T>(&mut self, step: Step<T>) -> T {
        let Step { answer, mut answers, records, mut markers, undo } = step;
        if self.broken && !records.is_empty() {
            let error = ResponseError::CoordinatorNotAvailable;
            markers.clear();
            let step = Step { answer: (), answers, records, markers: Vec::new(), undo };
            answers = self.transactions.not_written(self.now, step, error);
        } else {
            for Record { key, value } in records {
                match value {
                    Some(value) => self.written.insert(key, value),
                    None => self.written.remove(&key),
                };
            }
        }
        for (token, ended) in answers {
            assert!(self.answers.insert(token, ended).is_none(), "answered twice");
        }
        self.markers.extend(markers);
        answer
    }

    /// InitProducerId of transactional id `x`.
    pub(crate) fn init(&mut self) -> Result<Producer, ResponseError> {
        self.init_as(Producer::NONE)
    }

    pub(crate) fn init_as(&mut self, producer: Producer) -> Result<Producer, ResponseError> {
        let init = Init { transactional_id: Some("x"), timeout: TIMEOUT, producer };
        let step = self.transactions.init(self.now, &init);
        self.follow(step)
    }

    pub(crate) fn add(&mut self, producer: Producer, partition: i32) -> Result<(), ResponseError> {
        let partitions = [("t", partition)];
        let step = self.transactions.add_partitions(self.now, "x", producer, &partitions);
        self.follow(step)
    }

    pub(crate) fn add_group(
        &mut self,
        producer: Producer,
        group: &str,
    ) -> Result<(), ResponseError> {
        let step = self.transactions.add_group(self.now, "x", producer, group);
        self.follow(step)
    }

    /// EndTxn; none: its answer waits.
    pub(crate) fn end(&mut self, producer: Producer, commit: bool) -> Option<Ended> {
        self.tokens += 1;
        let step = self.transactions.end(self.now, self.tokens, "x", producer, commit);
        self.follow(step);
        self.answers.get(&self.tokens).copied()
    }

    /// All markers are written.
    pub(crate) fn mark(&mut self) {
        for marker in std::mem::take(&mut self.markers) {
            let step = self.transactions.markers_written(self.now, &marker);
            self.follow(step);
        }
    }

    pub(crate) fn pass(&mut self, time: Time) {
        let until = self.now + time;
        while let Some(at) = self.transactions.next_tick()
            && at <= until
        {
            self.now = self.now.max(at);
            let step = self.transactions.tick(self.now);
            self.follow(step);
        }
        self.now = until;
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.transactions.describe("x").ok().map(|transaction| transaction.state)
    }

    /// The process is killed and starts again.
    pub(crate) fn restart(&mut self) {
        let settings = self.transactions.settings.clone();
        self.markers.clear();
        let (transactions, step) = Transactions::restore(settings, self.written.clone(), self.now);
        self.transactions = transactions;
        self.follow(step);
    }

    /// A transaction ends as asked.
    pub(crate) fn whole(&mut self, producer: Producer, commit: bool) {
        self.add(producer, 0).unwrap();
        assert_eq!(self.end(producer, commit), None);
        self.mark();
        assert_eq!(self.answers[&self.tokens], Ok(producer));
    }

    /// Puts the producer's epoch there, as if it had been bumped so often.
    pub(crate) fn wear(&mut self, epoch: i16) -> Producer {
        let transaction = self.transactions.all.get_mut("x").unwrap();
        transaction.producer.epoch = epoch;
        let producer = transaction.producer;
        let value = Value::Transaction(transaction.clone());
        self.written.insert(Key::Transaction("x".into()), value);
        producer
    }
}
