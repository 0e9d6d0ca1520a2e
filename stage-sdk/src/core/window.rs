//! What one transaction holds, when it closes, and what of it goes again.
//!
//! A window keeps its outputs until it is committed. After an abort the same bytes go again in a
//! new transaction, less the partitions lost meanwhile: nothing is rewound, no handler runs twice.

use super::{Partition, Position, Time};
use std::collections::BTreeMap;

/// Names a window; ascending, never reused by a worker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WindowId(pub u64);

/// What a window holds of one partition: the records finished in it lie in `first..=last`.
#[derive(Clone, Debug)]
pub struct Part {
    /// The lowest offset finished in this window.
    pub first: i64,
    /// The highest.
    pub last: i64,
    /// How many were finished in it.
    pub records: usize,
    /// How far the partition is done once this window is committed; known when it closes.
    pub position: Position,
}

/// Where a window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Takes what finishes.
    Filling,
    /// On its way; its end comes back as an event.
    Committing,
    /// Being aborted; likewise.
    Aborting,
    /// Goes again then.
    Again(Time),
    /// Waits for a new producer; then its outcome is looked up, if its commit was asked for.
    Renewing {
        /// The commit was asked for.
        asked: bool,
    },
    /// Its outcome is being looked up.
    LookingUp,
    /// A refused record in it is being replaced by its dead letter.
    Replacing,
}

/// The content of one transaction.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its name.
    pub id: WindowId,
    /// The batch that holds its outputs; split windows share one.
    pub batch: u64,
    /// What it holds of each partition. Outputs of other records in the batch are not its own.
    pub parts: BTreeMap<Partition, Part>,
    /// Where it stands.
    pub state: State,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) outputs: bool,
    pub(crate) since: Time,
    pub(crate) begun: bool,
    /// It lost a partition since it was to be committed: what was sent of that one is in the transaction, and
    /// may be what is refused.
    pub(crate) cut: bool,
    pub(crate) failures: u32,
    pub(crate) went: Time,
}

impl Window {
    /// An empty window.
    pub fn new(number: u64) -> Window {
        Window {
            id: WindowId(number),
            batch: number,
            parts: BTreeMap::new(),
            state: State::Filling,
            records: 0,
            bytes: 0,
            outputs: false,
            since: Time::ZERO,
            begun: false,
            cut: false,
            failures: 0,
            went: Time::ZERO,
        }
    }

    /// Takes a finished record; `bytes` of its outputs, none: filtered.
    pub fn add(&mut self, now: Time, partition: Partition, offset: i64, bytes: Option<usize>) {
        if self.records == 0 {
            self.since = now;
        }
        self.records += 1;
        self.bytes += bytes.unwrap_or(0);
        self.outputs |= bytes.is_some();
        let part = self.parts.entry(partition).or_insert_with(|| Part {
            first: offset,
            last: offset,
            records: 0,
            position: Position::default(),
        });
        part.first = part.first.min(offset);
        part.last = part.last.max(offset);
        part.records += 1;
    }

    /// Whether an output in its batch, of the record at this place, goes out with this window.
    pub fn holds(&self, partition: Partition, offset: i64) -> bool {
        self.parts.get(&partition).is_some_and(|p| (p.first..=p.last).contains(&offset))
    }

    /// The record, if this window can hold only one.
    pub fn single(&self) -> Option<(Partition, i64)> {
        let (partition, part) = self.parts.first_key_value()?;
        (self.parts.len() == 1 && part.first == part.last).then_some((*partition, part.first))
    }

    /// How far each partition of the input is done once this window is committed. What comes of a lane
    /// moves none, and is committed with its partition's all the same: that is what fences a zombie.
    pub fn positions(&self) -> impl Iterator<Item = (Partition, &Position)> {
        let parts = self.parts.iter();
        parts
            .filter(|(p, _)| !p.is_lane() || !self.parts.contains_key(&p.source()))
            .map(|(p, part)| (p.source(), &part.position))
    }

    /// Two windows in place of one that holds more than one record, so that a key's order stays: first
    /// the lanes, then the input, where a key that the lane freed may have gone on; else half of the
    /// partitions each, or of one partition the lower and the upper half.
    /// `committed` tells what of a partition was committed before this window.
    pub fn split(
        mut self,
        numbers: [u64; 2],
        committed: impl Fn(Partition) -> Position,
    ) -> [Window; 2] {
        let mut upper = self.parts.clone();
        upper.retain(|partition, _| !partition.is_lane());
        if !upper.is_empty() && upper.len() < self.parts.len() {
            self.parts.retain(|partition, _| partition.is_lane());
            for (partition, lane) in &mut self.parts {
                lane.position = committed(*partition);
            }
            return self.halves(numbers, upper);
        }
        upper = self.parts.clone();
        if self.parts.len() > 1 {
            let middle = *self
                .parts
                .keys()
                .nth(self.parts.len() / 2)
                .unwrap_or(&Partition { input: 0, number: 0 });
            upper = self.parts.split_off(&middle);
        } else {
            for (partition, lower) in &mut self.parts {
                let middle = lower.first + (lower.last - lower.first) / 2;
                if let Some(upper) = upper.get_mut(partition) {
                    upper.first = middle + 1;
                    // Which of them lie where nobody has counted; the sum is right until one half is committed.
                    upper.records -= upper.records / 2;
                }
                lower.last = middle;
                lower.records /= 2;
                if partition.is_lane() {
                    continue;
                }
                lower.position = lower.position.splice(&committed(*partition), middle + 1);
            }
        }
        self.halves(numbers, upper)
    }

    fn halves(self, numbers: [u64; 2], upper: BTreeMap<Partition, Part>) -> [Window; 2] {
        let records = self.records.div_ceil(2);
        let half = |number, parts| Window {
            id: WindowId(number),
            parts,
            records,
            begun: false,
            failures: 0,
            ..self.clone()
        };
        [half(numbers[0], self.parts.clone()), half(numbers[1], upper)]
    }
}
