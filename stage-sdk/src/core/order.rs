//! What of a partition is finished, and its watermark.

use super::lane::Lane;
use super::position::MAX_AHEAD;
use super::unfinished::Unfinished;
use super::{Id, Position};

/// One partition's records between arrival and finish.
#[derive(Debug, Default)]
pub struct Progress {
    /// What was given by the group but is not yet restored takes nothing.
    pub restored: bool,
    /// Wanted back, or being stopped: starts nothing more.
    pub draining: bool,
    /// Not fetched at the moment.
    pub paused: bool,
    /// Where to begin; none: at the beginning.
    pub begin: Option<i64>,
    /// What the last committed window left.
    pub committed: Position,
    /// What is parked of it; empty where the policy parks nothing.
    pub lane: Lane,
    /// All of them below `upto`.
    unfinished: Unfinished,
    upto: i64,
}

impl Progress {
    /// Takes over where an earlier owner ended.
    pub fn restore(&mut self, position: Option<Position>) {
        self.begin = position.as_ref().map(|position| position.next);
        let position = position.unwrap_or_default();
        self.unfinished = Unfinished::awaited(&position.unfinished);
        self.upto = position.upto;
        self.committed = position;
    }

    /// Whether a record that arrived is to be handled; not if an earlier owner finished it, or if
    /// it is known already.
    pub fn expects(&mut self, offset: i64) -> bool {
        self.unfinished.await_from(offset);
        offset >= self.upto || self.unfinished.awaits(offset)
    }

    /// Whether the record of this offset arrived, here or with an earlier owner.
    pub fn has_passed(&self, offset: i64) -> bool {
        offset < self.upto && !self.unfinished.awaits(offset)
    }

    /// Whether this is the next record, and nothing before it is unfinished.
    pub fn is_next(&self, offset: i64) -> bool {
        self.restored && !self.draining && self.unfinished.is_empty() && offset >= self.upto
    }

    /// The next record arrived and is finished.
    pub fn pass(&mut self, offset: i64) {
        self.upto = offset + 1;
    }

    /// Takes note of an expected record.
    pub fn arrive(&mut self, offset: i64, id: Id) {
        if offset >= self.upto {
            self.unfinished.push(offset, Some(id));
            self.upto = offset + 1;
        } else {
            self.unfinished.arrive(offset, id);
        }
    }

    /// The record of this offset is done with.
    pub fn finish(&mut self, offset: i64) {
        self.unfinished.remove(offset);
    }

    /// Below it everything is finished.
    pub fn next(&self) -> i64 {
        self.unfinished.first().map_or(self.upto, |(first, _)| first)
    }

    /// Below it everything has arrived, here or with an earlier owner.
    pub fn upto(&self) -> i64 {
        self.upto
    }

    /// Records below that which are not finished.
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    /// The first of them; none of its id: it has not arrived yet.
    pub fn first(&self) -> Option<(i64, Option<Id>)> {
        self.unfinished.first()
    }

    /// How far the partition is done, now.
    pub fn position(&self) -> Position {
        Position::new(self.unfinished.offsets().collect(), self.upto)
    }

    /// The records in flight: those that have arrived and are not finished, and those of the lane.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.unfinished.ids().chain(self.lane.ids())
    }

    /// Whether the partition has run as far ahead as its metadata can say, or has parked as much as it
    /// may. What an earlier owner left unfinished is taken all the same: it adds nothing to the
    /// metadata, and the watermark waits for it.
    pub fn at_bound(&self) -> bool {
        let ahead = self.unfinished.is_full() || self.ahead() >= MAX_AHEAD;
        self.lane.is_full() || (!self.unfinished.awaits_any() && ahead)
    }

    /// Whether a partition paused at the bound may go on: half of the room is free again, since
    /// each pause throws away what was fetched ahead.
    pub fn has_room(&self) -> bool {
        let near = self.has_room_for_unfinished() && self.ahead() <= MAX_AHEAD / 2;
        self.lane.has_room() && (self.unfinished.awaits_any() || near)
    }

    /// Whether half of what its metadata can say of unfinished records is free.
    pub fn has_room_for_unfinished(&self) -> bool {
        self.unfinished.has_room()
    }

    fn ahead(&self) -> i64 {
        self.unfinished.first().map_or(0, |(first, _)| self.upto - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> Id {
        Id { slot, life: 0 }
    }

    #[test]
    fn the_watermark_waits_for_the_slowest() {
        let mut p = Progress::default();
        p.restore(None);
        for o in 0..4 {
            assert!(p.expects(o));
            p.arrive(o, id(o as u32));
        }
        p.finish(1);
        p.finish(2);
        assert_eq!(p.position(), Position::new(vec![0], 3));
        p.finish(0);
        assert_eq!(p.position().next, 3);
    }

    #[test]
    fn a_new_owner_skips_the_finished_and_awaits_the_unfinished() {
        let mut p = Progress::default();
        p.restore(Some(Position::new(vec![5, 7], 10)));
        assert!(p.expects(5));
        p.arrive(5, id(0));
        assert!(!p.expects(6));
        p.finish(5);
        assert_eq!(p.position().next, 7, "7 has not arrived yet and is still unfinished");
        assert!(!p.expects(8), "8 was finished; and 7 exists no longer");
        assert_eq!(p.position(), Position::at(10));
    }
}
