//! Windows' outputs on their way out: kept in batches until they are committed, sent from there.

use crate::agenda::What;
use crate::courier::{Commit, Job};
use crate::faults::Fault;
use crate::input::Refusal;
use crate::logs::{Form, Message, Why};
use crate::transaction::{No, Producer};
use crate::turn::partition;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Ended, Position, WindowId};

/// One output in a batch.
pub(crate) type Entry = Message;

/// The window whose transaction is open, and how much of its batch is sent.
pub(crate) struct Sending {
    window: WindowId,
    batch: u64,
    next: usize,
    failed: Option<Ended>,
}

impl World {
    /// The batch that takes what finishes now.
    pub(crate) fn filling(&mut self, number: usize) -> &mut Vec<Entry> {
        let member = &mut self.members[number];
        let batch = member.core.as_ref().map_or(0, |core| core.filling().batch);
        if member.batches.back().is_none_or(|(known, _)| *known != batch) {
            member.batches.push_back((batch, Vec::new()));
        }
        let last = member.batches.len() - 1;
        &mut member.batches[last].1
    }

    pub(crate) fn begin(&mut self, number: usize, window: WindowId) {
        let fails = !self.calm && self.random.random_bool(self.plan.rates.commit / 20.0);
        let member = &mut self.members[number];
        let Some(content) = member.core.as_ref().and_then(|core| core.window(window)) else {
            return;
        };
        let failed = fails.then_some(Ended::Aborted);
        member.sending = Some(Sending { window, batch: content.batch, next: 0, failed });
    }

    /// Sends what the open window holds and is not sent yet.
    pub(crate) fn send(&mut self, number: usize) {
        let member = &mut self.members[number];
        let (Some(sending), Some(core)) = (&mut member.sending, &member.core) else { return };
        let batch = member.batches.iter().find(|(known, _)| *known == sending.batch);
        let (Some(window), Some((_, batch))) = (core.window(sending.window), batch) else { return };
        while sending.failed.is_none()
            && let Some(entry) = batch.get(sending.next)
        {
            sending.next += 1;
            let source = partition(entry.partition);
            let source = if entry.lane { source.lane() } else { source };
            if !window.holds(source, entry.offset) {
                continue;
            }
            let record = &self.plan.records[entry.partition][entry.index];
            if entry.refused && record.refused == Some(Refusal::Client) {
                sending.failed = Some(Ended::Refused);
            } else {
                member.outbox.push(*entry);
            }
        }
        if let Some(producer) = member.producer
            && !member.outbox.is_empty()
            && self.random.random_bool(0.2)
        {
            let (who, at) = (self.who(number), self.now + self.latency());
            self.agenda.note(at, What::Deliver(who, producer));
        }
    }

    /// Sends the rest of the window and has it committed; the end comes as a reply.
    pub(crate) fn commit(&mut self, number: usize, id: WindowId) {
        self.judge_again(number, id);
        let begun = self.members[number].sending.as_ref().is_some_and(|s| s.window == id);
        if !begun {
            self.begin(number, id);
        }
        if self.fault == Some(Fault::Order) {
            self.swap(number, id);
        }
        self.send(number);
        let member = &mut self.members[number];
        let failed = member.sending.take().and_then(|sending| sending.failed);
        let window = member.core.as_ref().and_then(|core| core.window(id));
        let (Some(producer), Some(window)) = (member.producer, window) else { return };
        if let Some(ended) = failed {
            return self.ask(number, Some(Job::Abort(id, producer, ended)));
        }
        let position = |position: &Position| (position.next, position.metadata());
        let offsets = window.positions().map(|(p, at)| (p.number as usize, position(at)));
        let offsets = offsets.collect();
        let commit = Commit { window: id, producer, offsets, generation: member.generation };
        let commit = self.tamper(number, commit);
        self.ask(number, Some(Job::Commit(commit)));
    }

    /// Two neighbours of one key change places before they are sent.
    fn swap(&mut self, number: usize, id: WindowId) {
        let member = &mut self.members[number];
        let Some(sending) = member.sending.as_ref().filter(|sending| sending.window == id) else {
            return;
        };
        let batch = member.batches.iter_mut().find(|(known, _)| *known == sending.batch);
        let Some((_, batch)) = batch else { return };
        Fault::swap(&self.plan, &mut batch[sending.next..]);
    }

    /// Puts the dead letter of a refused record in place of its outputs.
    pub(crate) fn replace(
        &mut self,
        number: usize,
        id: WindowId,
        (of, index): (usize, usize),
        lane: bool,
    ) {
        let letter = self.letter((of, index), Why::Refused, lane);
        let freed = lane.then(|| self.freed(of, letter.offset));
        let member = &mut self.members[number];
        let batch = member.core.as_ref().and_then(|core| core.window(id)).map(|w| w.batch);
        if let Some((_, entries)) =
            member.batches.iter_mut().find(|(known, _)| Some(*known) == batch)
        {
            entries.retain(|e| {
                matches!(e.form, Form::Answered(_))
                    || (e.partition, e.index, e.lane) != (of, index, lane)
            });
            entries.push(letter);
            entries.extend(freed);
        }
    }

    /// What was sent reaches the broker.
    pub(crate) fn deliver(&mut self, number: usize, producer: Producer) -> Result<(), No> {
        if self.members[number].producer != Some(producer) {
            return Err(No::Fenced);
        }
        if self.members[number].outbox.is_empty() {
            return Ok(());
        }
        let transaction = self.open_transaction(number, producer)?;
        for message in std::mem::take(&mut self.members[number].outbox) {
            self.broker.write(transaction, message);
        }
        Ok(())
    }
}
