//! The stage's handlers: inline ones end within their start, async ones later, in any order.

use crate::agenda::What;
use crate::member::Run;
use crate::plan::us;
use crate::say;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Event, Exhausted, Id, Outcome, Policy};

impl World {
    pub(crate) fn start(&mut self, number: usize, id: Id, hand: Option<(usize, usize)>) {
        let member = &mut self.members[number];
        let Some(slot) = member.core.as_ref().and_then(|core| core.slot(id)) else { return };
        let (partition, offset) = (slot.partition.number as usize, slot.offset);
        let lane = slot.partition.is_lane();
        let index = self.plan.records[partition].partition_point(|r| r.offset < offset);
        let bytes = member.kept_of(id).or(hand);
        self.oracle.hold(bytes == Some((partition, index)), "a start has its record", || {
            format!("{number} {id:?} {partition}/{offset}, has {bytes:?}")
        });
        let early = member.failed_early.take();
        member.attempts += u32::from(early.is_none());
        let run = Run { id, attempt: member.attempts, partition, index, lane, since: self.now };
        let probing = member.probe.filter(|_| member.open);
        let one = probing.is_none_or(|probe| member.running.iter().all(|run| run.id != probe));
        member.probe = Some(id);
        self.oracle.hold(one, "one probe at a time", || format!("{number} {id:?} {probing:?}"));
        self.judge_running(number);
        if early.is_none() {
            self.judge_start(number, (partition, index), lane);
        }
        let member = &mut self.members[number];
        member.lanes.resize(member.lanes.len().max(id.slot() + 1), false);
        member.lanes[id.slot()] = lane;
        member.running.push(run);
        if self.plan.settings.inline {
            return self.end_attempt(number, run, early);
        }
        member.keep(id, (partition, index));
        let wait = match self.random.random_range(0..10) {
            0..3 => return self.end_attempt(number, run, None),
            3..8 => us(self.random.random_range(50..3000)),
            _ => us(self.random.random_range(1000..30_000)),
        };
        // Without an end: it hangs until the time limit of an attempt.
        if self.calm || !self.random.random_bool(self.plan.rates.handler / 4.0) {
            let who = self.who(number);
            self.agenda.note(self.now + wait, What::Ready(who, id, run.attempt));
        }
    }

    pub(crate) fn ready(&mut self, number: usize, id: Id, attempt: u32) {
        self.members[number].ready.push((id, attempt));
        self.wake(number);
    }

    /// Takes up the handlers that are ready, in any order.
    pub(crate) fn finish_ready(&mut self, number: usize) -> bool {
        let mut any = false;
        while !self.members[number].ready.is_empty() {
            let count = self.members[number].ready.len();
            let at = self.random.random_range(0..count);
            let member = &mut self.members[number];
            let (id, attempt) = member.ready.swap_remove(at);
            let known = |run: &&Run| run.id == id && run.attempt == attempt;
            if let Some(run) = member.running.iter().find(known).copied() {
                any = true;
                self.end_attempt(number, run, None);
                self.act(number, None);
            }
        }
        any
    }

    /// A handler ended: its outputs go to the filling window, and the core is told.
    fn end_attempt(&mut self, number: usize, run: Run, early: Option<Outcome>) {
        self.members[number].running.retain(|known| known.id != run.id);
        let outcome = early.unwrap_or_else(|| self.outcome(run.partition, run.index));
        say!(self, "{number} {}/{} {outcome:?}", run.partition, run.index);
        if let Outcome::Output(_) = outcome {
            self.members[number].drop_kept(run.id);
            self.handled(number, (run.partition, run.index), run.lane);
        } else {
            self.failed(number, run, outcome);
        }
        self.tell(number, Event::Done { id: run.id, outcome });
    }

    /// A handler succeeded.
    pub(crate) fn handled(
        &mut self,
        number: usize,
        (partition, index): (usize, usize),
        lane: bool,
    ) {
        self.members[number].tallies[partition][index].done = Some(self.now);
        self.oracle.records[partition][index].handled = true;
        self.write_outputs(number, (partition, index), lane);
    }

    /// Counts a failure, and whether it is to stop the worker.
    pub(crate) fn failed(&mut self, number: usize, run: Run, outcome: Outcome) {
        let member = &mut self.members[number];
        let tally = &mut member.tallies[run.partition][run.index];
        tally.failures += 1;
        tally.attempts += u32::from(outcome != Outcome::Unavailable);
        tally.not_before = match outcome {
            Outcome::Retry(Some(after)) => Some(self.now + after),
            _ => None,
        };
        let retry = &member.retry;
        member.failed |= match (outcome, retry.policy) {
            (Outcome::Fatal, _) | (Outcome::Retry(_), Policy::Stop) => true,
            (Outcome::Retry(_), Policy::InPlace | Policy::Ordered | Policy::RetryTopic) => {
                retry.exhausted == Exhausted::Stop && tally.attempts >= retry.attempts
            }
            _ => false,
        };
    }
}
