//! One event in, effects out.

use super::circuit::Circuit;
use super::counts::Counts;
use super::hand_over::{HandOver, Stopping};
use super::intake::{HELD, Intake};
use super::order::Progress;
use super::pace::Pace;
use super::slots::{Slot, Slots, State};
use super::window::{self, Window};
use super::{Effect, Ended, Event, Exit, Id, Partition, Position, Settings, Time, WindowId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

/// Everything a worker decides.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: Settings,
    pub(super) partitions: BTreeMap<Partition, Progress>,
    /// Answers due to [`Effect::Restore`], and for its lane to [`Effect::ReadLane`]: one that was asked
    /// for in an earlier ownership may say less than another owner has committed since.
    pub(super) restoring: BTreeMap<Partition, usize>,
    pub(super) slots: Slots,
    pub(super) ready: VecDeque<Id>,
    pub(super) running: usize,
    pub(super) waiting: usize,
    pub(super) waiting_bytes: usize,
    pub(super) backing_off: BinaryHeap<Reverse<(Time, Id)>>,
    pub(super) timeout_scan: Time,
    pub(super) circuit: Circuit,
    /// The first is on its way or filling; the last is always filling.
    pub(super) windows: VecDeque<Window>,
    pub(super) next_window: u64,
    pub(super) commit_took: Duration,
    pub(super) committed_at: Time,
    pub(super) intake: Intake,
    /// An operator says so.
    pub(super) paused: bool,
    pub(super) pace: Pace,
    pub(super) counts: Counts,
    pub(super) hand_over: Option<HandOver>,
    pub(super) stopping: Option<Stopping>,
    /// A partition paused at its bound may have room again.
    pub(super) room_again: bool,
    /// Something may be parked.
    pub(super) lanes_busy: bool,
    /// When to look for operators' commands next.
    pub(super) look_at: Option<Time>,
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
            circuit: Circuit::default(),
            windows: VecDeque::from([Window::new(0)]),
            next_window: 1,
            commit_took: Duration::ZERO,
            committed_at: Time::ZERO,
            intake: Intake::Open,
            paused: false,
            pace: Pace::default(),
            counts: Counts::default(),
            hand_over: None,
            stopping: None,
            room_again: false,
            lanes_busy: false,
            look_at: None,
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
                    self.counts.taken += 1;
                    self.counts.filtered += u64::from(bytes.is_none());
                    self.circuit.answered();
                    self.add(now, partition, offset, bytes);
                }
            }
            Event::Done { id, outcome } => self.done(now, id, outcome, out),
            Event::Tick => self.tick(now, out),
            Event::Quiet => quiet = true,
            Event::Assigned(partitions) => self.assigned(partitions, out),
            Event::Restored(partition, position) => self.restored(partition, position, out),
            Event::Parked(partition, pending, start) => {
                self.parked(now, partition, pending, start, out)
            }
            Event::Commanded(partition, commands) => self.commanded(now, partition, commands, out),
            Event::Back { partition, offset, place, edition, key, bytes } => {
                self.back(now, partition, (offset, place, edition), key, bytes, out)
            }
            Event::Fetched(partition, next, found) => self.fetched(now, partition, next, found),
            Event::Revoked(partitions) => self.revoked(now, partitions, out),
            Event::Lost(partitions) => self.lose(partitions, out),
            Event::Ended(window, ended) => {
                self.counts.aborted(ended);
                self.ended(now, window, ended, out)
            }
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
            Event::Pause => self.paused = true,
            Event::Resume => self.paused = false,
            Event::Limits(limits) => {
                self.settings.max_in_flight = limits.max_in_flight;
                self.pace.set(now, self.counts.taken, limits.each);
            }
            Event::Stop => self.stop(now, Exit::Clean, out),
        }
        self.settle(now, quiet, out);
    }

    /// Whether the worker is to take records from its input now.
    pub fn wants_records(&self) -> bool {
        !self.exited && !matches!(self.intake, Intake::Held(_))
    }

    /// Whether this record, as it arrives, has nothing to wait for: it is the next of its partition,
    /// nothing before it is unfinished, its `key` (as that of [`Event::Record`]) is not blocked, and the
    /// circuit is closed. An inline handler may run then before the core is told; if it succeeds [`Event::Finished`] says so,
    /// and if not, [`Event::Record`] starts it at once.
    pub fn is_free(
        &self,
        partition: Partition,
        offset: i64,
        key: impl FnOnce() -> Option<u64>,
    ) -> bool {
        self.settings.inline
            && !self.circuit.is_open()
            && self.partitions.get(&partition).is_some_and(|progress| {
                let lane = &progress.lane;
                progress.is_next(offset)
                    && (lane.is_empty() || {
                        let key = self.settings.retry.lane_key(key());
                        !lane.blocks(key) && !lane.holds(key, offset)
                    })
            })
    }

    /// Whether an answer to [`Effect::Restore`] or [`Effect::ReadLane`] is due: until there is none, the
    /// assignment is not complete.
    pub fn is_restoring(&self) -> bool {
        !self.restoring.is_empty()
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

    /// Whether as much of the partition is parked as may be: its input waits.
    pub fn is_lane_full(&self, partition: Partition) -> bool {
        self.partitions.get(&partition).is_some_and(|progress| progress.lane.is_full())
    }

    /// What it has counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// So many inline attempts took this together.
    pub(crate) fn attempted(&mut self, took: Duration, attempts: u32) {
        self.counts.attempted.share(took, attempts);
    }

    /// Counts go on from these.
    pub(crate) fn goes_on_from(&mut self, counts: Counts) {
        self.counts = counts;
    }

    /// Handlers that run.
    pub fn running(&self) -> usize {
        self.running
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
        let mut due = [None; 10];
        due[0] = self.backing_off.peek().map(|Reverse((at, _))| *at);
        let front = &self.windows[0];
        due[1] = match front.state {
            window::State::Filling if front.records > 0 => {
                let old = front.since + self.settings.commit_interval;
                Some(if self.settings.outputs_wait { old.min(self.spaced()) } else { old })
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
        if self.lanes_busy {
            due[6] = self.partitions.values().filter_map(|progress| progress.lane.deadline()).min();
        }
        let has_place = self.running < self.settings.max_in_flight;
        let probe = self.circuit.deadline(|id| self.slots.get(id).is_some());
        due[7] = probe.filter(|_| has_place && !self.ready.is_empty());
        due[8] = self.pace.deadline(self.counts.taken);
        due[9] = self.look_at;
        due.into_iter().flatten().min()
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
        if !self.is_answer_to_last(partition) {
            return;
        }
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        progress.restore(position);
        if self.settings.retry.policy.parks() {
            *self.restoring.entry(partition.lane()).or_default() += 1;
            out.push_back(Effect::ReadLane(partition));
        } else {
            self.begin(partition, out);
        }
    }

    /// Whether this answer is to what was asked last.
    pub(super) fn is_answer_to_last(&mut self, asked: Partition) -> bool {
        if let Some(due) = self.restoring.get_mut(&asked) {
            *due -= 1;
            if *due > 0 {
                return false;
            }
        }
        self.restoring.remove(&asked);
        true
    }

    /// All is known of a partition: it is consumed from now on.
    pub(super) fn begin(&mut self, partition: Partition, out: &mut VecDeque<Effect>) {
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        progress.restored = true;
        // It may be wanted back already.
        progress.draining |= self.stopping.is_some();
        out.push_back(Effect::Assign(vec![(partition, progress.begin)]));
        if self.intake == Intake::Paused || progress.at_bound() {
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
        while self.may_start(now)
            && let Some(id) = self.ready.pop_front()
        {
            if self.slots.get(id).is_some_and(|slot| slot.state == State::Ready) {
                let bytes = self.slots.get(id).map_or(0, |slot| slot.bytes);
                self.waiting -= 1;
                self.waiting_bytes -= bytes;
                self.start(now, id, out);
            }
        }
        // What is to be written belongs to the window that is filling.
        if out.iter().any(Effect::writes) {
            // A record after the other may be one that is parked as it comes.
            return self.regulate(now, out);
        }
        if self.hand_over.is_some() {
            self.let_go(now, out);
        }
        if self.stopping.is_some() {
            self.end(now, out);
        }
        self.move_windows(now, quiet, out);
        self.regulate(now, out);
        self.fetch(out);
    }
}
