//! How a window is committed: its messages and its offsets, then the end. Each step may fail.

use crate::agenda::What;
use crate::courier::{Commit, Other, Phase, Reply};
use crate::plan::ms;
use crate::transaction::{No, Producer};
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Ended, WindowId};

impl World {
    fn mishap(&mut self, share: f64) -> bool {
        !self.calm && self.random.random_bool(self.plan.rates.commit * share)
    }

    pub(crate) fn flush(&mut self, number: usize, commit: &Commit, offsets: Other) -> Phase {
        let broken = Phase::Answer(Reply::Ended(commit.window, Ended::Broken));
        if self.mishap(0.3) {
            return match self.random.random_range(0..3) {
                0 => Phase::Abort(Ended::Aborted),
                1 => Phase::Abort(Ended::TimedOut),
                _ => broken,
            };
        }
        match self.deliver(number, commit.producer) {
            Err(No::Busy) => return Phase::Messages(offsets),
            Err(_) => return broken,
            Ok(()) => {}
        }
        let open = self.broker.to_end(commit.producer).ok().flatten();
        match open.map(|transaction| &self.broker.transactions[transaction]) {
            Some(open) if open.refused => Phase::Abort(Ended::Refused),
            Some(open) if open.messages.len() > self.plan.slow => Phase::Abort(Ended::TimedOut),
            _ if offsets == Other::Due => Phase::Offsets(Other::Arrived),
            _ => Phase::End,
        }
    }

    /// Who is not of the group's generation cannot commit.
    pub(crate) fn send_offsets(
        &mut self,
        number: usize,
        commit: &Commit,
        messages: Other,
    ) -> Phase {
        let next = match messages {
            Other::Due => Phase::Messages(Other::Arrived),
            Other::Arrived => Phase::End,
        };
        if self.mishap(0.1) {
            return Phase::Abort(Ended::TimedOut);
        }
        // The client does not ask for offsets that it does not have.
        if commit.offsets.is_empty() {
            return next;
        }
        if commit.generation.is_none() {
            return Phase::Abort(Ended::Aborted);
        }
        let transaction = match self.open_transaction(number, commit.producer) {
            Ok(transaction) => transaction,
            Err(No::Busy) => return Phase::Offsets(messages),
            Err(_) => return Phase::Answer(Reply::Ended(commit.window, Ended::Broken)),
        };
        if !self.group.accepts(number, commit.generation) {
            self.counts.stale += 1;
            return Phase::Abort(Ended::Aborted);
        }
        self.broker.add_offsets(transaction, &commit.offsets);
        if self.mishap(0.1) {
            return Phase::Abort(Ended::Aborted);
        }
        next
    }

    pub(crate) fn commit_transaction(&mut self, commit: &Commit) -> Phase {
        let unknown = Phase::Answer(Reply::Ended(commit.window, Ended::Unknown));
        if self.mishap(0.5) {
            match self.random.random_range(0..3) {
                // It never arrives.
                0 => {}
                // It arrives, its answer does not.
                1 => {
                    self.end_transaction(commit.producer, true).ok();
                }
                _ => {
                    let at = self.now + ms(self.random.random_range(0..1000));
                    self.agenda.note(at, What::LateEnd(commit.producer));
                }
            }
            return unknown;
        }
        match self.end_transaction(commit.producer, true) {
            Ok(()) => Phase::Answer(Reply::Ended(commit.window, Ended::Committed)),
            Err(_) => unknown,
        }
    }

    pub(crate) fn abort_transaction(
        &mut self,
        number: usize,
        window: WindowId,
        producer: Producer,
        ended: Ended,
    ) -> Phase {
        if self.members[number].producer == Some(producer) {
            self.members[number].outbox.clear();
        }
        let broken = self.mishap(0.1) || self.end_transaction(producer, false).is_err();
        Phase::Answer(Reply::Ended(window, if broken { Ended::Broken } else { ended }))
    }
}
