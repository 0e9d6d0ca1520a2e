//! All transactions of the broker.

use super::record::{Key, Record, Value};
use super::{Settings, Step, Time, Token, Transaction};
use kafka_protocol::error::ResponseError;
use std::collections::{BTreeMap, BTreeSet};

/// All transactions, by their transactional ids, and the producer ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    pub(super) settings: Settings,
    pub(super) all: BTreeMap<String, Transaction>,
    /// EndTxn requests that wait for their markers.
    pub(super) waiting: BTreeMap<String, Token>,
    /// When which is aborted.
    pub(super) due: BTreeSet<(Time, String)>,
    pub(super) next_expiration: Time,
    /// The next producer id to give out, and the first that must not be without a record.
    pub(super) next_id: i64,
    pub(super) reserved: i64,
}

impl Transactions {
    /// No transactions yet.
    pub(crate) fn new(settings: Settings, now: Time) -> Transactions {
        Transactions {
            next_expiration: now + settings.id_expiration_check,
            settings,
            all: BTreeMap::new(),
            waiting: BTreeMap::new(),
            due: BTreeSet::new(),
            next_id: 0,
            reserved: 0,
        }
    }

    /// The transactions as they were written down, in any order of records. The step has the markers
    /// of those that were prepared.
    pub(crate) fn restore(
        settings: Settings,
        records: impl IntoIterator<Item = (Key, Value)>,
        now: Time,
    ) -> (Transactions, Step) {
        let mut transactions = Transactions::new(settings, now);
        let mut step = Step::default();
        for (key, value) in records {
            match (key, value) {
                (Key::ProducerIds, Value::ProducerIds(next)) => transactions.given_out(next - 1),
                (Key::Transaction(id), Value::Transaction(transaction)) => {
                    transactions.given_out(transaction.producer.id);
                    step.markers.extend(transaction.markers(&id));
                    transactions.set(now, &id, Some(transaction));
                }
                (Key::ProducerIds, _) | (Key::Transaction(_), _) => {}
            }
        }
        (transactions, step)
    }

    /// When [`Transactions::tick`] is to be called, if nothing happens before.
    pub(crate) fn next_tick(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        let expiration = (!self.all.is_empty()).then_some(self.next_expiration);
        due.into_iter().chain(expiration).min()
    }

    /// The records of a step could not be appended: takes it back. Its markers must not be written;
    /// after a step of [`Transactions::markers_written`], that is to be called again later. Deliver
    /// the answers that this returns; tell the step's own caller `error` too
    /// (COORDINATOR_NOT_AVAILABLE lets clients try again).
    pub(crate) fn not_written<T>(
        &mut self,
        now: Time,
        step: Step<T>,
        error: ResponseError,
    ) -> Vec<(Token, super::Ended)> {
        if step.records.iter().any(|record| record.key == Key::ProducerIds) {
            self.reserved = self.next_id;
        }
        let mut refused: Vec<_> =
            step.answers.into_iter().map(|(token, ended)| (token, ended.and(Err(error)))).collect();
        for (id, was) in step.undo.into_iter().rev() {
            if was.as_ref().is_none_or(|was| was.state.prepared().is_none()) {
                let token = self.waiting.remove(&id);
                refused.extend(token.map(|token| (token, Err(error))));
            }
            self.set(now + self.settings.retry_abort, &id, was);
        }
        refused
    }

    /// Changes a transaction, in this step.
    pub(super) fn put(&mut self, now: Time, id: &str, new: Option<Transaction>, step: &mut Step) {
        let key = Key::Transaction(id.to_owned());
        step.records.push(Record { key, value: new.clone().map(Value::Transaction) });
        step.markers.extend(new.as_ref().and_then(|new| new.markers(id)));
        let was = self.set(now, id, new);
        step.undo.push((id.to_owned(), was));
    }

    /// Changes a transaction without writing it down; it is not aborted before `now`.
    fn set(&mut self, now: Time, id: &str, new: Option<Transaction>) -> Option<Transaction> {
        let deadline = new.as_ref().and_then(Transaction::deadline);
        let was = match new {
            Some(new) => self.all.insert(id.to_owned(), new),
            None => self.all.remove(id),
        };
        if let Some(at) = was.as_ref().and_then(Transaction::deadline)
            && !self.due.remove(&(at, id.to_owned()))
        {
            self.due.retain(|(_, of)| of != id);
        }
        if let Some(deadline) = deadline {
            self.due.insert((deadline.max(now), id.to_owned()));
        }
        was
    }
}
