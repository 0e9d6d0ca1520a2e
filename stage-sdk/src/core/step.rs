//! One event in, effects out.

use super::hand_over::{HandOver, Stopping};
use super::order::Progress;
use super::slots::{Slot, Slots, State};
use super::window::{self, Window};
use super::{
    Disposition, Effect, Ended, Event, Exhausted, Exit, Id, Outcome, Partition, Policy, Position,
    Settings, Time, WindowId,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

/// How long a limit may hold before fetching is paused; a pause throws the prefetch away.
const HELD: Duration = Duration::from_millis(500);

/// How often running attempts are looked through for the ones that take too long.
const TIMEOUT_SCAN: Duration = Duration::from_millis(250);

/// Whether records are taken from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// They are.
    Open,
    /// A limit was reached then; fetching goes on behind it for a moment.
    Held(Time),
    /// A limit holds on; fetching is paused, so that the group can still be served.
    Paused,
}

/// Everything a worker decides.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: Settings,
    pub(super) partitions: BTreeMap<Partition, Progress>,
    /// Answers due to [`Effect::Restore`]: one that was asked for in an earlier ownership may say
    /// less than another owner has committed since.
    pub(super) restoring: BTreeMap<Partition, usize>,
    pub(super) slots: Slots,
    pub(super) ready: VecDeque<Id>,
    pub(super) running: usize,
    pub(super) waiting: usize,
    pub(super) waiting_bytes: usize,
    pub(super) backing_off: BinaryHeap<Reverse<(Time, Id)>>,
    pub(super) timeout_scan: Time,
    /// The first is on its way or filling; the last is always filling.
    pub(super) windows: VecDeque<Window>,
    pub(super) next_window: u64,
    pub(super) commit_took: Duration,
    pub(super) committed_at: Time,
    pub(super) intake: Intake,
    pub(super) hand_over: Option<HandOver>,
    pub(super) stopping: Option<Stopping>,
    /// A partition paused at its bound may have room again.
    pub(super) room_again: bool,
    pub(super) exited: bool,
}

impl Core {
    /// A worker without partitions.
    pub fn new(settings: Settings) -> Core {
        Core {
            settings,
            partitions: BTreeMap::new(),
            restoring: BTreeMap::new(),
            slots: Slots::default(),
            ready: VecDeque::new(),
            running: 0,
            waiting: 0,
            waiting_bytes: 0,
            backing_off: BinaryHeap::new(),
            timeout_scan: Time::ZERO,
            windows: VecDeque::from([Window::new(0)]),
            next_window: 1,
            commit_took: Duration::ZERO,
            committed_at: Time::ZERO,
            intake: Intake::Open,
            hand_over: None,
            stopping: None,
            room_again: false,
            exited: false,
        }
    }

    /// Takes one event and appends what is to be done.
    pub fn step(&mut self, now: Time, event: Event<'_>, out: &mut VecDeque<Effect>) {
        let mut quiet = false;
        match event {
            Event::Record { partition, offset, key, bytes } => {
                self.record(now, partition, offset, key, bytes, out)
            }
            Event::Finished { partition, offset, bytes } => {
                if let Some(progress) = self.partitions.get_mut(&partition) {
                    progress.pass(offset);
                    self.add(now, partition, offset, bytes);
                }
            }
            Event::Done { id, outcome } => self.done(now, id, outcome, out),
            Event::Tick => self.tick(now, out),
            Event::Quiet => quiet = true,
            Event::Assigned(partitions) => self.assigned(partitions, out),
            Event::Restored(partition, position) => self.restored(partition, position, out),
            Event::Revoked(partitions) => self.revoked(now, partitions, out),
            Event::Lost(partitions) => self.lose(partitions, out),
            Event::Ended(window, ended) => self.ended(now, window, ended, out),
            Event::Renewed => self.renewed(now, out),
            Event::Found(window, committed) => {
                let ended = if committed { Ended::Committed } else { Ended::Aborted };
                self.ended(now, window, ended, out)
            }
            Event::Replaced(window) => {
                if let Some(front) = self.front(window) {
                    front.state = window::State::Again(now);
                }
            }
            Event::Stop => self.stop(now, Exit::Clean, out),
        }
        self.settle(now, quiet, out);
    }

    /// Whether the worker is to take records from its input now.
    pub fn wants_records(&self) -> bool {
        !matches!(self.intake, Intake::Held(_))
    }

    /// Whether this record, as it arrives, has nothing to wait for: it is the next of its partition,
    /// and nothing before it is unfinished. An inline handler may run then before the core is told; if it
    /// succeeds [`Event::Finished`] says so, and if not, [`Event::Record`] starts it at once.
    pub fn is_free(&self, partition: Partition, offset: i64) -> bool {
        self.settings.inline
            && self.partitions.get(&partition).is_some_and(|progress| progress.is_next(offset))
    }

    /// The window of this name, while it is not finished.
    pub fn window(&self, id: WindowId) -> Option<&Window> {
        self.windows.iter().find(|window| window.id == id)
    }

    /// The window that takes what finishes now; its batch takes the outputs.
    pub fn filling(&self) -> &Window {
        // There always is one: `new` makes the first, and whoever takes the last makes the next.
        &self.windows[self.windows.len() - 1]
    }

    /// The record's place and attempts, while it is in flight.
    pub fn slot(&self, id: Id) -> Option<&Slot> {
        self.slots.get(id)
    }

    /// The live record in this slot.
    pub fn id_at(&self, slot: usize) -> Option<Id> {
        self.slots.id_at(slot)
    }

    /// The partitions held.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        self.partitions.keys().copied()
    }

    /// Records taken and not finished.
    pub fn in_flight(&self) -> usize {
        self.running + self.waiting
    }

    /// Records finished and not yet committed.
    pub fn uncommitted(&self) -> usize {
        self.windows.iter().map(|window| window.records).sum()
    }

    /// The text that marks a window's commits as this one's.
    pub fn tag(&self, window: WindowId) -> String {
        format!("{:x}-{:x}", self.settings.incarnation, window.0)
    }

    /// When a [`Event::Tick`] is due, if nothing else happens.
    pub fn deadline(&self) -> Option<Time> {
        let mut due = [None; 6];
        due[0] = self.backing_off.peek().map(|Reverse((at, _))| *at);
        let front = &self.windows[0];
        due[1] = match front.state {
            window::State::Filling if front.records > 0 => {
                Some((front.since + self.settings.commit_interval).min(self.spaced()))
            }
            window::State::Again(at) => Some(at),
            _ => None,
        };
        due[2] = self
            .hand_over
            .as_ref()
            .map(|h| if self.running > 0 { h.running_until } else { h.until });
        due[3] = self
            .stopping
            .as_ref()
            .map(|s| if self.running > 0 { s.running_until } else { s.until });
        if let Intake::Held(since) = self.intake {
            due[4] = Some(since + HELD);
        }
        if self.running > 0 && !self.settings.inline {
            due[5] = Some(self.timeout_scan);
        }
        due.into_iter().flatten().min()
    }

    fn record(
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
        let id = self.slots.insert(partition, offset, key, bytes);
        progress.arrive(offset, id);
        if progress.at_bound() && !progress.paused {
            progress.paused = true;
            out.push_back(Effect::Pause(vec![partition]));
        }
        let free = self.ready.is_empty() && self.running < self.settings.max_in_flight;
        if free && self.slots.get(id).is_some_and(|slot| slot.state == State::Ready) {
            self.start(now, id, out);
        } else {
            self.waits(id);
            out.push_back(Effect::Keep(id));
        }
    }

    /// Counts the record as waiting, and queues it if it is free to start.
    fn waits(&mut self, id: Id) {
        if let Some(slot) = self.slots.get(id) {
            self.waiting += 1;
            self.waiting_bytes += slot.bytes;
            if slot.state == State::Ready {
                self.ready.push_back(id);
            }
        }
    }

    fn start(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Running { until: now + self.settings.timeout };
            self.running += 1;
            out.push_back(Effect::Start(id));
        }
    }

    fn done(&mut self, now: Time, id: Id, outcome: Outcome, out: &mut VecDeque<Effect>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if !matches!(slot.state, State::Running { .. }) {
            return;
        }
        self.running -= 1;
        if let Outcome::Output(bytes) = outcome {
            return self.finish(now, id, bytes);
        }
        slot.failures += 1;
        slot.attempts += u32::from(outcome != Outcome::Unavailable);
        let (attempts, failures, salt) = (slot.attempts, slot.failures, slot.offset as u64);
        let retry = &self.settings.retry;
        match (outcome, retry.policy) {
            (Outcome::Fatal, _) | (Outcome::Reject | Outcome::Retry(_), Policy::Stop) => {
                self.fail(now, id, out)
            }
            (Outcome::Reject, _) => self.dead_letter(now, id, Disposition::Rejected, out),
            (Outcome::Retry(_), Policy::DeadLetter) => {
                self.dead_letter(now, id, Disposition::RetriesExhausted, out)
            }
            (Outcome::Retry(_), Policy::InPlace) if attempts >= retry.attempts => {
                match retry.exhausted {
                    Exhausted::DeadLetter => {
                        self.dead_letter(now, id, Disposition::RetriesExhausted, out)
                    }
                    Exhausted::Stop => self.fail(now, id, out),
                }
            }
            (outcome, _) => {
                let wait = match outcome {
                    Outcome::Retry(Some(after)) => after,
                    _ => retry.wait(failures, salt),
                };
                self.back_off(id, now + wait, out)
            }
        }
    }

    fn finish(&mut self, now: Time, id: Id, bytes: Option<usize>) {
        let Some(slot) = self.slots.get(id) else { return };
        let (partition, offset) = (slot.partition, slot.offset);
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.finish(offset);
            self.room_again |= progress.paused && progress.has_room();
        }
        self.add(now, partition, offset, bytes);
        if let Some(next) = self.slots.remove(id) {
            // It was counted as waiting when it arrived.
            self.ready.push_back(next);
        }
    }

    fn add(&mut self, now: Time, partition: Partition, offset: i64, bytes: Option<usize>) {
        let last = self.windows.len() - 1;
        self.windows[last].add(now, partition, offset, bytes);
    }

    fn dead_letter(&mut self, now: Time, id: Id, why: Disposition, out: &mut VecDeque<Effect>) {
        let bytes = self.slots.get(id).map(|slot| slot.bytes);
        out.push_back(Effect::DeadLetter(id, why));
        self.finish(now, id, bytes);
    }

    fn back_off(&mut self, id: Id, until: Time, out: &mut VecDeque<Effect>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.state = State::BackingOff { until };
        let partition = slot.partition;
        self.waits(id);
        if self.partitions.get(&partition).is_none_or(|progress| progress.draining) {
            return self.forget(&[id], |_| true, out);
        }
        self.backing_off.push(Reverse((until, id)));
        out.push_back(Effect::Keep(id));
    }

    /// The record stops the worker: it stays unfinished.
    fn fail(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.state = State::Ready;
        }
        self.waits(id);
        self.stop(now, Exit::Failed, out);
    }

    fn tick(&mut self, now: Time, out: &mut VecDeque<Effect>) {
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
        if self.settings.inline || now < self.timeout_scan {
            return;
        }
        self.timeout_scan = now + TIMEOUT_SCAN;
        let late = |slot: &Slot| matches!(slot.state, State::Running { until } if until <= now);
        let late: Vec<Id> = self.slots.iter().filter(|(_, s)| late(s)).map(|(id, _)| id).collect();
        for id in late {
            out.push_back(Effect::Cancel(id));
            self.done(now, id, Outcome::Retry(None), out);
        }
    }

    fn assigned(&mut self, partitions: &[Partition], out: &mut VecDeque<Effect>) {
        for partition in partitions {
            self.partitions.insert(*partition, Progress::default());
            *self.restoring.entry(*partition).or_default() += 1;
        }
        out.push_back(Effect::Restore(partitions.to_vec()));
    }

    fn restored(
        &mut self,
        partition: Partition,
        position: Option<Position>,
        out: &mut VecDeque<Effect>,
    ) {
        if let Some(due) = self.restoring.get_mut(&partition) {
            *due -= 1;
            if *due > 0 {
                return;
            }
        }
        self.restoring.remove(&partition);
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        let from = position.as_ref().map(|position| position.next);
        progress.restore(position);
        // It may be wanted back already.
        progress.draining |= self.stopping.is_some();
        out.push_back(Effect::Assign(vec![(partition, from)]));
        if self.intake == Intake::Paused {
            progress.paused = true;
            out.push_back(Effect::Pause(vec![partition]));
        }
    }

    /// Drops those of the records that `gone` says; they stay unfinished.
    pub(super) fn forget(
        &mut self,
        ids: &[Id],
        gone: impl Fn(&Slot) -> bool,
        out: &mut VecDeque<Effect>,
    ) {
        let live = |id: &&Id| self.slots.get(**id).is_some_and(&gone);
        out.extend(ids.iter().filter(live).map(|id| Effect::Forget(*id)));
        for slot in self.slots.remove_where(ids, gone) {
            if matches!(slot.state, State::Running { .. }) {
                self.running -= 1;
            } else {
                self.waiting -= 1;
                self.waiting_bytes -= slot.bytes;
            }
        }
    }

    /// What follows from where things stand, whatever the event was.
    fn settle(&mut self, now: Time, quiet: bool, out: &mut VecDeque<Effect>) {
        if self.exited {
            return;
        }
        while self.running < self.settings.max_in_flight
            && let Some(id) = self.ready.pop_front()
        {
            if self.slots.get(id).is_some_and(|slot| slot.state == State::Ready) {
                let bytes = self.slots.get(id).map_or(0, |slot| slot.bytes);
                self.waiting -= 1;
                self.waiting_bytes -= bytes;
                self.start(now, id, out);
            }
        }
        // A dead letter belongs to the window that is filling: no window ends before it is written.
        if out.iter().any(|effect| matches!(effect, Effect::DeadLetter(..))) {
            return;
        }
        if self.hand_over.is_some() {
            self.let_go(now, out);
        }
        if self.stopping.is_some() {
            self.end(now, out);
        }
        self.move_windows(now, quiet, out);
        self.regulate(now, out);
    }

    /// Opens and closes the intake by the limits.
    fn regulate(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let window_full = self.is_full(self.filling());
        let Settings { max_waiting, max_waiting_bytes, .. } = self.settings;
        match self.intake {
            Intake::Open => {
                if std::mem::take(&mut self.room_again) {
                    self.pause_where(|progress| progress.paused && progress.has_room(), false, out);
                }
                if window_full
                    || self.waiting >= max_waiting
                    || self.waiting_bytes >= max_waiting_bytes
                {
                    self.intake = Intake::Held(now);
                }
            }
            Intake::Held(since) => {
                if !window_full
                    && self.waiting < max_waiting
                    && self.waiting_bytes < max_waiting_bytes
                {
                    self.intake = Intake::Open;
                } else if now >= since + HELD {
                    self.intake = Intake::Paused;
                    self.pause_where(|progress| !progress.paused, true, out);
                }
            }
            Intake::Paused => {
                if !window_full
                    && self.waiting <= max_waiting / 2
                    && self.waiting_bytes <= max_waiting_bytes / 2
                {
                    self.intake = Intake::Open;
                    self.pause_where(|progress| progress.paused && progress.has_room(), false, out);
                }
            }
        }
    }

    fn pause_where(
        &mut self,
        which: impl Fn(&Progress) -> bool,
        pause: bool,
        out: &mut VecDeque<Effect>,
    ) {
        let mut partitions = Vec::new();
        for (partition, progress) in &mut self.partitions {
            if progress.restored && which(progress) {
                progress.paused = pause;
                partitions.push(*partition);
            }
        }
        if !partitions.is_empty() {
            out.push_back(if pause {
                Effect::Pause(partitions)
            } else {
                Effect::Resume(partitions)
            });
        }
    }
}
