//! A record from its arrival to its end: start, fail, again, finish.

use super::slots::{Slot, State};
use super::{
    Core, Disposition, Effect, Exhausted, Exit, Id, Outcome, Partition, Policy, Rest, Time,
};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

/// How often running attempts are looked through for the ones that take too long.
const TIMEOUT_SCAN: Duration = Duration::from_millis(250);

impl Core {
    pub(super) fn record(
        &mut self,
        now: Time,
        partition: Partition,
        offset: i64,
        key: Option<u64>,
        bytes: usize,
        out: &mut VecDeque<Effect>,
    ) {
        // What is not taken note of stays uncommitted, and its next owner reads it.
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        if !progress.restored || progress.draining || !progress.expects(offset) {
            return;
        }
        // Somebody may have set the group's offsets back: what is parked already waits once.
        let lane_key = self.settings.retry.lane_key(key);
        let is_parked = !progress.lane.is_empty() && progress.lane.holds(lane_key, offset);
        let blocked = !progress.lane.is_empty() && progress.lane.blocks(lane_key);
        // What does not run waits behind nobody.
        let behind = key.filter(|_| !is_parked && !blocked);
        let id = self.slots.insert(partition, offset, behind, bytes);
        progress.arrive(offset, id);
        self.counts.taken += 1;
        if is_parked {
            self.conclude(now, id, None);
            return;
        }
        if blocked {
            return self.park(now, id, key, Rest::Behind, out);
        }
        self.pause_at_bound(partition, out);
        let free = self.ready.is_empty() && self.may_start(now);
        self.start_or_keep(now, id, free, out);
    }

    /// Whether there is a place for one more attempt, and the circuit lets it pass.
    pub(super) fn may_start(&self, now: Time) -> bool {
        self.running < self.settings.max_in_flight
            && self.circuit.lets(now, |probe| self.slots.get(probe).is_some())
    }

    /// Starts what arrived, or has it wait; the lane's go before the others.
    pub(super) fn start_or_keep(
        &mut self,
        now: Time,
        id: Id,
        free: bool,
        out: &mut VecDeque<Effect>,
    ) {
        let Some(slot) = self.slots.get(id) else { return };
        match (slot.state, slot.partition.is_lane()) {
            (State::Ready, _) if free => return self.start(now, id, out),
            (State::Ready, true) => self.ready.push_front(id),
            (State::Ready, false) => self.ready.push_back(id),
            _ => {}
        }
        self.waits(id);
        out.push_back(Effect::Keep(id));
    }

    /// Counts the record as waiting.
    pub(super) fn waits(&mut self, id: Id) {
        if let Some(slot) = self.slots.get(id) {
            self.waiting += 1;
            self.waiting_bytes += slot.bytes;
        }
    }

    pub(super) fn start(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) {
        let of_lane = self.slots.get(id).is_some_and(|slot| slot.partition.is_lane());
        if of_lane && self.is_given_up(now, id, out) {
            return;
        }
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Running { until: now + self.settings.timeout };
            self.counts.attempts += u64::from(slot.failures > 0);
            self.running += 1;
            self.circuit.started(id);
            out.push_back(Effect::Start(id));
        }
    }

    pub(super) fn done(&mut self, now: Time, id: Id, outcome: Outcome, out: &mut VecDeque<Effect>) {
        if !self.is_running(id) {
            return;
        }
        self.hears(now, id, outcome != Outcome::Unavailable, out);
        self.ended_attempt(now, id, outcome, out);
    }

    fn is_running(&self, id: Id) -> bool {
        self.slots.get(id).is_some_and(|slot| matches!(slot.state, State::Running { .. }))
    }

    /// What an attempt tells of what the stage depends on.
    fn hears(&mut self, now: Time, id: Id, answer: bool, out: &mut VecDeque<Effect>) {
        match (answer, self.circuit.is_probe(id)) {
            (true, true) => out.push_back(Effect::Close(self.circuit.close(now))),
            (false, true) => self.circuit.probe_failed(now),
            (true, false) => self.circuit.answered(),
            (false, false) if self.circuit.away(now) => out.push_back(Effect::Open(id)),
            (false, false) => {}
        }
    }

    fn ended_attempt(&mut self, now: Time, id: Id, outcome: Outcome, out: &mut VecDeque<Effect>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if let State::Running { until } = slot.state
            && !self.settings.inline
        {
            self.counts.attempted.add((now + self.settings.timeout).saturating_sub(until));
        }
        self.running -= 1;
        if let Outcome::Output(bytes) = outcome {
            self.counts.filtered += u64::from(bytes.is_none());
            return self.finish(now, id, bytes, out);
        }
        slot.failures += 1;
        slot.attempts += u32::from(outcome != Outcome::Unavailable);
        let first = *slot.first.get_or_insert(now);
        let (attempts, failures, salt) = (slot.attempts, slot.failures, slot.offset as u64);
        let (is_lane, key) = (slot.partition.is_lane(), slot.key);
        let retry = &self.settings.retry;
        match (outcome, retry.policy) {
            (Outcome::Fatal, _) | (Outcome::Reject | Outcome::Retry(_), Policy::Stop) => {
                self.fail(now, id, out)
            }
            (Outcome::Reject, _) => self.dead_letter(now, id, Disposition::Rejected, out),
            (Outcome::Retry(_), Policy::DeadLetter) => {
                self.dead_letter(now, id, Disposition::RetriesExhausted, out)
            }
            (Outcome::Retry(_), _) if attempts >= retry.attempts => self.exhausted(now, id, out),
            (Outcome::Unavailable, _) if self.circuit.is_open() => self.await_answer(id, out),
            (outcome, policy) => {
                self.counts.scheduled += 1;
                let wait = match outcome {
                    Outcome::Retry(Some(after)) => after,
                    _ => retry.wait(failures, salt),
                };
                let until = now + wait;
                let is_retry = outcome != Outcome::Unavailable;
                match policy {
                    policy if policy.parks() && is_lane => {
                        self.rest(now, id, Rest::Until(until), out)
                    }
                    policy if policy.parks() && is_retry && until > first + retry.in_place_for => {
                        self.park(now, id, key, Rest::Until(until), out)
                    }
                    _ => self.back_off(id, until, out),
                }
            }
        }
    }

    /// The record was tried as often as it may be.
    fn exhausted(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) {
        let Some(slot) = self.slots.get(id) else { return };
        let (is_lane, key) = (slot.partition.is_lane(), slot.key);
        match self.settings.retry.exhausted {
            Exhausted::DeadLetter => self.dead_letter(now, id, Disposition::RetriesExhausted, out),
            Exhausted::Stop => self.fail(now, id, out),
            Exhausted::Hold if is_lane => self.rest(now, id, Rest::Held, out),
            Exhausted::Hold => self.park(now, id, key, Rest::Held, out),
        }
    }

    fn finish(&mut self, now: Time, id: Id, bytes: Option<usize>, out: &mut VecDeque<Effect>) {
        if self.slots.get(id).is_some_and(|slot| slot.partition.is_lane()) {
            return self.free(now, id, bytes, out);
        }
        if let Some(next) = self.conclude(now, id, bytes) {
            // It was counted as waiting when it arrived.
            self.ready.push_back(next);
        }
    }

    /// A record of the input is done with, in the filling window; gives the next of its key.
    pub(super) fn conclude(&mut self, now: Time, id: Id, bytes: Option<usize>) -> Option<Id> {
        let slot = self.slots.get(id)?;
        let (partition, offset) = (slot.partition, slot.offset);
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.finish(offset);
            self.room_again |= progress.paused && progress.has_room();
        }
        self.add(now, partition, offset, bytes);
        self.slots.remove(id)
    }

    pub(super) fn add(
        &mut self,
        now: Time,
        partition: Partition,
        offset: i64,
        bytes: Option<usize>,
    ) {
        let last = self.windows.len() - 1;
        self.windows[last].add(now, partition, offset, bytes);
    }

    fn dead_letter(&mut self, now: Time, id: Id, why: Disposition, out: &mut VecDeque<Effect>) {
        let bytes = self.slots.get(id).map(|slot| slot.bytes);
        out.push_back(Effect::DeadLetter(id, why));
        self.finish(now, id, bytes, out);
    }

    pub(super) fn back_off(&mut self, id: Id, until: Time, out: &mut VecDeque<Effect>) {
        if self.put_off(id, State::BackingOff { until }, out) {
            self.backing_off.push(Reverse((until, id)));
        }
    }

    /// Waits until the circuit lets it pass: behind all others, so that another record is the next probe.
    fn await_answer(&mut self, id: Id, out: &mut VecDeque<Effect>) {
        if self.put_off(id, State::Ready, out) {
            self.ready.push_back(id);
        }
    }

    /// The record waits; not if its partition is wanted back.
    fn put_off(&mut self, id: Id, state: State, out: &mut VecDeque<Effect>) -> bool {
        let Some(slot) = self.slots.get_mut(id) else { return false };
        slot.state = state;
        let partition = slot.partition;
        self.waits(id);
        let progress = self.partitions.get(&partition.source());
        if progress.is_none_or(|progress| progress.draining) {
            self.forget(&[id], |_| true, out);
            return false;
        }
        out.push_back(Effect::Keep(id));
        true
    }

    /// The record stops the worker: it stays unfinished.
    fn fail(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Ready;
        }
        self.waits(id);
        self.stop(now, Exit::Failed, out);
    }

    pub(super) fn tick(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        while let Some(Reverse((at, id))) = self.backing_off.peek().copied() {
            if at > now {
                break;
            }
            self.backing_off.pop();
            if let Some(slot) = self.slots.get_mut(id)
                && slot.state == (State::BackingOff { until: at })
            {
                slot.state = State::Ready;
                self.ready.push_front(id);
            }
        }
        if self.lanes_busy {
            let filling = Some(self.filling()).filter(|window| window.records > 0);
            let batch = filling.map(|window| window.batch);
            let (slots, partitions) = (&self.slots, self.partitions.values_mut());
            partitions.for_each(|progress| progress.lane.tick(now, |key| slots.holds(key), batch));
        }
        self.look(now, out);
        if self.settings.inline || now < self.timeout_scan {
            return;
        }
        self.timeout_scan = now + TIMEOUT_SCAN;
        let late = |slot: &Slot| matches!(slot.state, State::Running { until } if until <= now);
        let late: Vec<Id> = self.slots.iter().filter(|(_, s)| late(s)).map(|(id, _)| id).collect();
        for id in late {
            out.push_back(Effect::Cancel(id));
            // No answer says nothing of what the stage depends on; but a probe must have one.
            if self.circuit.is_probe(id) {
                self.circuit.probe_failed(now);
            }
            self.ended_attempt(now, id, Outcome::Retry(None), out);
        }
    }
}
