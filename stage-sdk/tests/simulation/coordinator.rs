//! Ends transactions: the decision is made at once, its markers arrive per partition, late, in
//! any order.

use crate::agenda::What;
use crate::plan::us;
use crate::say;
use crate::transaction::{No, OFFSETS, Producer, State};
use crate::world::World;
use rand::RngExt;

impl World {
    /// Opens a transaction of a worker, if none is open.
    pub(crate) fn open_transaction(
        &mut self,
        member: usize,
        producer: Producer,
    ) -> Result<usize, No> {
        let policy = self.members[member].retry.policy;
        let (number, new) = self.broker.open(producer, policy)?;
        if new {
            self.agenda.note(self.now + self.plan.transaction, What::TimeOut(number));
        }
        Ok(number)
    }

    pub(crate) fn end_transaction(&mut self, producer: Producer, commit: bool) -> Result<(), No> {
        let open = self.broker.to_end(producer);
        self.broker.record.end(producer, commit, open);
        if let Some(number) = open? {
            self.decide(number, commit);
        }
        Ok(())
    }

    pub(crate) fn decide(&mut self, number: usize, commit: bool) {
        let transaction = &mut self.broker.transactions[number];
        transaction.state = State::Ending { commit };
        say!(self, "transaction {number} commit {commit}: {transaction:?}");
        if commit {
            self.counts.committed += 1;
            self.oracle.decided(&self.plan, transaction);
        }
        let places = transaction.unmarked.clone();
        if places.is_empty() {
            self.broker.mark(number, OFFSETS);
        }
        for place in places {
            let mut wait = us(self.random.random_range(20..400));
            if !self.calm && self.random.random_bool(self.plan.rates.marker) {
                wait = self.some_time(400);
            }
            self.agenda.note(self.now + wait, What::Marker(number, place));
        }
    }

    pub(crate) fn mark(&mut self, number: usize, place: usize) {
        for message in self.broker.mark(number, place) {
            self.oracle.seen(&self.plan, message);
        }
    }

    pub(crate) fn time_out(&mut self, number: usize) {
        let transaction = &self.broker.transactions[number];
        if transaction.state == State::Open {
            self.counts.timed_out += 1;
            let producer = transaction.producer;
            self.broker.fence(producer);
            self.decide(number, false);
        }
    }
}
