//! What is going to happen, in the order of simulated time.

use crate::group::Sync;
use crate::transaction::Producer;
use stage_sdk::core::{Command, Id, Time};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One life of a worker: what was meant for an earlier one does not reach it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Who {
    pub(crate) member: usize,
    pub(crate) life: u32,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Records arrived in the topic.
    Arrival,
    /// Partitions that were added become known to the group.
    Added,
    /// The worker's loop goes round.
    Turn(Who),
    /// An async handler is ready; the number tells its attempts apart.
    Ready(Who, Id, u32),
    /// What the courier is at reaches the broker, or comes back.
    Courier(Who),
    /// What the reader of lanes is at.
    Lane(Who),
    /// What was sent reaches the broker, before anybody waits for it.
    Deliver(Who, Producer),
    /// A commit that was silent for long reaches the broker.
    LateEnd(Producer),
    /// The marker of a transaction is written to one log.
    Marker(usize, usize),
    /// The coordinator's time for a transaction is over.
    TimeOut(usize),
    /// The group has a new generation.
    Sync(Who, Sync),
    /// The group gives a silent worker up.
    Expire(usize, u32),
    /// A worker that was given up learns of it.
    Expelled(Who, u32),
    /// It learns that a partition was taken from it.
    Taken(Who, usize),
    /// It joins again.
    Rejoin(Who),
    /// A worker that ended is started again.
    Restart(usize),
    /// A started worker asks for its producer.
    Open(Who),
    /// An operator looks at what waits.
    Operator,
    /// What an operator wants reaches the broker.
    Control(usize, Command),
    /// Something goes wrong.
    Trouble,
    /// Nothing goes wrong any more.
    Calm,
}

struct Entry {
    at: Time,
    /// What was noted first happens first.
    number: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

#[derive(Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Entry>,
    count: u64,
}

impl Agenda {
    pub(crate) fn note(&mut self, at: Time, what: What) {
        self.count += 1;
        self.entries.push(Entry { at, number: self.count, what });
    }

    pub(crate) fn next(&mut self) -> Option<(Time, What)> {
        self.entries.pop().map(|entry| (entry.at, entry.what))
    }
}
