//! How the partitions stand, for whoever looks after them.

use super::intake::Intake;
use super::position::MAX_AHEAD;
use super::slots::State;
use super::{Core, Id, Partition, Policy, Rest, Time};
use std::fmt;

/// How a partition stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// Which.
    pub partition: Partition,
    /// The watermark: below it everything is finished.
    pub next: i64,
    /// Below it everything was taken, by us or by an earlier owner.
    pub upto: i64,
    /// Records below `upto` that are not finished.
    pub unfinished: usize,
    /// Records that are finished, and whose window is not committed.
    pub uncommitted: usize,
    /// Records in the retry topic.
    pub parked: usize,
    /// Keys that these block; with policy `retry-topic` none.
    pub keys: usize,
    /// When the first of the parked failed first.
    pub blocked_since: Option<Time>,
    /// What keeps records from being taken, or from being tried.
    pub why: Vec<Why>,
    /// The first unfinished record, or the first parked one.
    pub head: Option<Head>,
}

/// What holds a partition up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// What is committed and parked of it is being read.
    Restoring,
    /// It is wanted back, or the worker stops.
    Leaving,
    /// An operator paused the worker.
    Operator,
    /// An operator has set a pace.
    Pace,
    /// What the stage depends on is away.
    Circuit,
    /// So many records are parked that no more may be.
    Lane(usize),
    /// So many are unfinished that no more may be.
    Unfinished(usize),
    /// The first unfinished is so far behind.
    Ahead(i64),
    /// So many records wait in the worker.
    Waiting(usize),
    /// The window takes no more until the one before it is committed.
    Window,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Restoring => f.write_str("restoring"),
            Why::Leaving => f.write_str("being given back"),
            Why::Operator => f.write_str("paused by operator"),
            Why::Pace => f.write_str("limit of records a second"),
            Why::Circuit => f.write_str("circuit open"),
            Why::Lane(parked) => write!(f, "retry lane full: {parked} parked"),
            Why::Unfinished(count) => write!(f, "{count} unfinished"),
            Why::Ahead(offsets) => write!(f, "{offsets} offsets ahead of the first unfinished"),
            Why::Waiting(count) => write!(f, "limit of waiting records: {count} wait"),
            Why::Window => f.write_str("waiting for a commit"),
        }
    }
}

/// The record that a partition waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its offset in the input.
    pub offset: i64,
    /// Its place in flight; none: it has none.
    pub id: Option<Id>,
    /// Attempts that have failed and count.
    pub attempts: u32,
    /// When it failed first.
    pub first: Option<Time>,
    /// What it is doing.
    pub doing: Doing,
}

/// What a record is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// An earlier owner left it unfinished; it has not come yet.
    Awaited,
    /// Its handler runs since then.
    Running(Time),
    /// It failed, and is tried again then.
    BackingOff(Time),
    /// It waits for the one before it of its key.
    Behind,
    /// It waits for a place to run in, or for the circuit.
    Ready,
    /// It is in the retry topic.
    Parked(Rest),
}

impl Core {
    /// How the partitions held stand. Takes its time where many keys are blocked.
    pub fn status(&self) -> impl Iterator<Item = Status> + '_ {
        self.partitions.keys().filter_map(|partition| self.status_of(*partition))
    }

    /// How one of them stands.
    pub fn status_of(&self, partition: Partition) -> Option<Status> {
        let progress = self.partitions.get(&partition)?;
        let lane = &progress.lane;
        // Each waits by itself there, and the next of its key passes.
        let blocks = self.settings.retry.policy != Policy::RetryTopic;
        let first = progress.first().map(|(offset, id)| self.head(offset, id));
        Some(Status {
            partition,
            next: progress.next(),
            upto: progress.upto(),
            unfinished: progress.unfinished(),
            uncommitted: self.in_windows(partition),
            parked: lane.len(),
            keys: if blocks { lane.keys() } else { 0 },
            blocked_since: lane.since(),
            why: self.why(partition),
            head: first.or_else(|| lane.head()),
        })
    }

    fn in_windows(&self, partition: Partition) -> usize {
        let parts = self.windows.iter().filter_map(|window| window.parts.get(&partition));
        parts.map(|part| part.records).sum()
    }

    /// Where the watermarks of the partitions are, and of how many records they wait for the end.
    pub fn watermarks(&self) -> impl Iterator<Item = (Partition, i64, usize)> + '_ {
        let all = self.partitions.iter();
        all.map(|(partition, progress)| (*partition, progress.next(), progress.unfinished()))
    }

    /// Whether what the stage depends on is away, and something waits for it.
    pub fn is_circuit_open(&self) -> bool {
        self.circuit.is_open() && self.in_flight() > 0
    }

    /// Whether an operator has paused the worker.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    fn head(&self, offset: i64, id: Option<Id>) -> Head {
        let Some((id, slot)) = id.and_then(|id| Some((id, self.slots.get(id)?))) else {
            return Head { offset, id: None, attempts: 0, first: None, doing: Doing::Awaited };
        };
        let doing = match slot.state {
            State::Behind => Doing::Behind,
            State::Ready => Doing::Ready,
            State::Running { until } => Doing::Running(until.saturating_sub(self.settings.timeout)),
            State::BackingOff { until } => Doing::BackingOff(until),
        };
        let (attempts, first) = (slot.attempts, slot.first);
        Head { offset, id: Some(id), attempts, first, doing }
    }

    fn why(&self, partition: Partition) -> Vec<Why> {
        let Some(progress) = self.partitions.get(&partition) else { return Vec::new() };
        let (unfinished, ahead) = (progress.unfinished(), progress.upto() - progress.next());
        let lane = progress.lane.len();
        let full = !progress.lane.has_room();
        let many = !progress.has_room_for_unfinished();
        let stopped = self.intake != Intake::Open;
        let limited = !self.paused && self.pace.deadline(self.counts.taken).is_none();
        let window = self.is_full(self.filling());
        // A partition paused at its bound goes on when half of the room is free.
        let all = [
            (!progress.restored, Why::Restoring),
            (progress.draining, Why::Leaving),
            (self.paused, Why::Operator),
            (self.pace.deadline(self.counts.taken).is_some(), Why::Pace),
            (self.circuit.is_open(), Why::Circuit),
            (progress.paused && full, Why::Lane(lane)),
            (progress.paused && many, Why::Unfinished(unfinished)),
            (progress.paused && ahead > MAX_AHEAD / 2, Why::Ahead(ahead)),
            (stopped && window, Why::Window),
            (stopped && limited && !window, Why::Waiting(self.waiting)),
        ];
        all.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
    }
}
