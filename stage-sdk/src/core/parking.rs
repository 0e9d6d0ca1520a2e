//! Records into the retry lane and out of it again.

use super::lane::Lane;
use super::slots::State;
use super::{Core, Effect, Exhausted, Id, Note, Partition, Pending, Policy, Rest, Time};
use std::collections::VecDeque;

/// About what a note in the redirect topic takes, for the limit of a window.
pub(super) const NOTE: usize = 200;

/// From now on it waits at most as long as it was to: the clock by which that was noted may be ahead of ours.
fn no_longer(note: &mut Note, now: Time) {
    if let (Rest::Until(due), Some(noted)) = (&mut note.rest, note.noted) {
        *due = (*due).min(now + due.saturating_sub(noted));
    }
}

impl Core {
    /// What is parked of a partition is known: it can begin.
    pub(super) fn parked(
        &mut self,
        now: Time,
        partition: Partition,
        mut pending: Vec<Pending>,
        start: i64,
        out: &mut VecDeque<Effect>,
    ) {
        let last = self.is_answer_to_last(partition.lane());
        if !last || self.restoring.contains_key(&partition) {
            return;
        }
        let retry = &self.settings.retry;
        // Who held it allowed fewer attempts, or gave nothing up: that was decided meanwhile.
        let goes_on = |pending: &&mut Pending| {
            let Note { attempts, rest, .. } = pending.note;
            let decided = retry.exhausted != Exhausted::Hold || attempts < retry.attempts;
            rest == Rest::Held && decided
        };
        pending.iter_mut().filter(goes_on).for_each(|pending| pending.note.rest = Rest::Behind);
        pending.iter_mut().for_each(|pending| pending.key = retry.lane_key(pending.key));
        pending.iter_mut().for_each(|pending| no_longer(&mut pending.note, now));
        let limit = retry.max_parked;
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        progress.lane = Lane::restore(limit, pending, start);
        progress.lane.looked(now, false);
        self.lanes_busy |= !progress.lane.is_empty();
        self.plan_look(partition);
        self.begin(partition, out);
    }

    /// Parks a record of the input, and where order is kept those of its key in flight behind it.
    pub(super) fn park(
        &mut self,
        now: Time,
        id: Id,
        key: Option<u64>,
        rest: Rest,
        out: &mut VecDeque<Effect>,
    ) {
        let Some(slot) = self.slots.get(id) else { return };
        let partition = slot.partition;
        let lane_key = self.settings.retry.lane_key(key);
        if self.partitions.get(&partition).is_none_or(|progress| progress.draining) {
            return self.back_off(id, now, out);
        }
        let mut next = Some((id, rest));
        while let Some((id, rest)) = next {
            let Some(slot) = self.slots.get(id) else { return };
            let (offset, bytes) = (slot.offset, slot.bytes);
            let (attempts, first) = (slot.attempts, slot.first);
            let note = Note { attempts, first, rest, noted: Some(now), edition: 0 };
            let progress = self.partitions.get_mut(&partition);
            let is_new = progress.is_some_and(|p| p.lane.park(lane_key, offset, note));
            out.push_back(if is_new {
                Effect::Park(id, partition, note)
            } else {
                // Its offset was set back, and it was replayed besides: it waits once.
                Effect::Forget(id)
            });
            let behind = self.conclude(now, id, Some(bytes + NOTE));
            if self.settings.retry.policy == Policy::RetryTopic {
                self.ready.extend(behind);
                break;
            }
            if let Some(slot) = behind.and_then(|id| self.slots.get(id)) {
                self.waiting -= 1;
                self.waiting_bytes -= slot.bytes;
            }
            next = behind.map(|id| (id, Rest::Behind));
        }
        self.lanes_busy = true;
        self.plan_look(partition);
        self.pause_at_bound(partition, out);
    }

    /// A parked record came back.
    pub(super) fn back(
        &mut self,
        now: Time,
        partition: Partition,
        (offset, place, edition): (i64, i64, u64),
        key: Option<u64>,
        bytes: usize,
        out: &mut VecDeque<Effect>,
    ) {
        let room = self.has_lane_room();
        let key = self.settings.retry.lane_key(key);
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        let room = room && progress.restored && !progress.draining;
        if !progress.lane.arrive(key, offset, (place, edition), room) {
            return;
        }
        let id = self.slots.insert(partition.lane(), offset, key, bytes);
        let (attempts, first) = progress.lane.took(key, offset, id);
        if let Some(slot) = self.slots.get_mut(id) {
            (slot.attempts, slot.failures, slot.first) = (attempts, attempts, first);
        }
        // The lane goes before the input.
        self.start_or_keep(now, id, self.may_start(now), out);
    }

    /// A parked record is done with: the next of its key, or the key is free.
    pub(super) fn free(
        &mut self,
        now: Time,
        id: Id,
        bytes: Option<usize>,
        out: &mut VecDeque<Effect>,
    ) {
        let batch = self.filling().batch;
        let Some(slot) = self.slots.get(id) else { return };
        let (partition, offset, key) = (slot.partition, slot.offset, slot.key);
        let Some(progress) = self.partitions.get_mut(&partition.source()) else { return };
        let is_free = progress.lane.finish(key, offset, batch);
        self.room_again |= progress.paused && progress.has_room();
        out.push_back(Effect::Free(partition, offset, is_free));
        self.add(now, partition, offset, Some(bytes.unwrap_or(0) + NOTE));
        self.answer_all(now, partition, key, offset, out);
        if let Some(next) = self.slots.remove(id) {
            // It was counted as waiting when it came.
            self.ready.push_front(next);
        }
    }

    /// A parked record failed again: it and its key rest.
    pub(super) fn rest(&mut self, now: Time, id: Id, rest: Rest, out: &mut VecDeque<Effect>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.state = State::BackingOff { until: now };
        let (partition, offset, key) = (slot.partition, slot.offset, slot.key);
        let (attempts, first) = (slot.attempts, slot.first);
        let mut note = Note { attempts, first, rest, noted: Some(now), edition: 0 };
        self.waits(id);
        let batch = self.filling().batch;
        let mut ids = vec![id];
        if let Some(progress) = self.partitions.get_mut(&partition.source()) {
            note.edition = progress.lane.edition(key, offset);
            ids.extend(progress.lane.rest(key, offset, note, batch));
        }
        out.push_back(Effect::Note(id, note));
        self.add(now, partition, offset, Some(NOTE));
        self.answer_all(now, partition, key, offset, out);
        self.forget(&ids, |_| true, out);
    }

    /// Asks for what is wanted, as long as there is room for it.
    pub(super) fn fetch(&mut self, out: &mut VecDeque<Effect>) {
        if !self.lanes_busy || self.paused || !self.has_lane_room() {
            return;
        }
        self.lanes_busy = false;
        for (partition, progress) in &mut self.partitions {
            self.lanes_busy |= !progress.lane.is_empty();
            if progress.restored
                && !progress.draining
                && let Some(from) = progress.lane.fetch()
            {
                out.push_back(Effect::Fetch(*partition, from));
            }
        }
    }

    pub(super) fn fetched(&mut self, now: Time, partition: Partition, next: i64, found: bool) {
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.lane.fetched(now, next, found);
        }
    }

    /// What is done in this batch is committed.
    pub(super) fn settle_lanes(&mut self, now: Time, batch: u64, out: &mut VecDeque<Effect>) {
        if !self.settings.retry.policy.parks() {
            return;
        }
        for (partition, progress) in &mut self.partitions {
            if let Some(place) = progress.lane.settle(now, batch) {
                out.push_back(Effect::Clean(*partition, place));
            }
            self.look_at = [self.look_at, progress.lane.look_at()].into_iter().flatten().min();
        }
    }

    fn has_lane_room(&self) -> bool {
        self.waiting <= self.settings.max_waiting / 2
            && self.waiting_bytes <= self.settings.max_waiting_bytes / 2
            && !self.is_full(self.filling())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_that_is_ahead_makes_nobody_wait_longer() {
        let ms = Duration::from_millis;
        let due = |due, noted: Option<u64>, now| {
            let (rest, noted) = (Rest::Until(ms(due)), noted.map(ms));
            let mut note = Note { attempts: 1, first: None, rest, noted, edition: 0 };
            no_longer(&mut note, ms(now));
            match note.rest {
                Rest::Until(at) => at.as_millis() as u64,
                other => panic!("{other:?}"),
            }
        };
        let hour = 3_600_000;
        assert_eq!(due(5_000, Some(4_000), 4_500), 5_000, "by clocks that agree");
        assert_eq!(due(5_000, Some(4_000), 9_000), 5_000, "its time has come");
        assert_eq!(due(hour + 5_000, Some(hour + 4_000), 4_500), 5_500, "the clock was ahead");
        assert_eq!(due(hour, Some(hour), 4_500), 4_500, "it was to go on at once");
        assert_eq!(due(hour + 5_000, None, 4_500), hour + 5_000, "nobody knows");
    }
}
