//! What of a partition is finished, and its watermark.

use super::lane::Lane;
use super::position::{MAX_AHEAD, MAX_UNFINISHED};
use super::{Id, Position};
use std::collections::VecDeque;

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
    /// Offsets below `upto` that are not finished, ascending. Without an id: restored as
    /// unfinished, not yet arrived.
    unfinished: VecDeque<(i64, Option<Id>)>,
    awaited: usize,
    upto: i64,
}

impl Progress {
    /// Takes over where an earlier owner ended.
    pub fn restore(&mut self, position: Option<Position>) {
        self.begin = position.as_ref().map(|position| position.next);
        let position = position.unwrap_or_default();
        self.unfinished = position.unfinished.iter().map(|o| (*o, None)).collect();
        self.awaited = self.unfinished.len();
        self.upto = position.upto;
        self.committed = position;
    }

    /// Whether a record that arrived is to be handled; not if an earlier owner finished it, or if
    /// it is known already.
    pub fn expects(&mut self, offset: i64) -> bool {
        if self.awaited > 0 {
            // Records arrive in order: what was awaited below this one exists no longer.
            self.unfinished.retain(|(o, id)| id.is_some() || *o >= offset);
            self.awaited = self.unfinished.iter().filter(|(_, id)| id.is_none()).count();
        }
        offset >= self.upto || self.find(offset).is_ok_and(|at| self.unfinished[at].1.is_none())
    }

    /// Whether the record of this offset arrived, here or with an earlier owner.
    pub fn has_passed(&self, offset: i64) -> bool {
        let awaited = self.find(offset).is_ok_and(|at| self.unfinished[at].1.is_none());
        offset < self.upto && !awaited
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
            self.unfinished.push_back((offset, Some(id)));
            self.upto = offset + 1;
        } else if let Ok(at) = self.find(offset) {
            self.unfinished[at].1 = Some(id);
            self.awaited -= 1;
        }
    }

    /// The record of this offset is done with.
    pub fn finish(&mut self, offset: i64) {
        if self.unfinished.back().is_some_and(|(last, _)| *last == offset) {
            self.unfinished.pop_back();
        } else if let Ok(at) = self.find(offset) {
            self.unfinished.remove(at);
        }
    }

    /// Below it everything is finished.
    pub fn next(&self) -> i64 {
        self.unfinished.front().map_or(self.upto, |(first, _)| *first)
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
        self.unfinished.front().copied()
    }

    /// How far the partition is done, now.
    pub fn position(&self) -> Position {
        Position::new(self.unfinished.iter().map(|(o, _)| *o).collect(), self.upto)
    }

    /// The records in flight: those that have arrived and are not finished, and those of the lane.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.unfinished.iter().filter_map(|(_, id)| *id).chain(self.lane.ids())
    }

    /// Whether the partition has run as far ahead as its metadata can say, or has parked as much as it
    /// may. What an earlier owner left unfinished is taken all the same: it adds nothing to the
    /// metadata, and the watermark waits for it.
    pub fn at_bound(&self) -> bool {
        let ahead = self.unfinished.len() >= MAX_UNFINISHED || self.ahead() >= MAX_AHEAD;
        self.lane.is_full() || (self.awaited == 0 && ahead)
    }

    /// Whether a partition paused at the bound may go on: half of the room is free again, since
    /// each pause throws away what was fetched ahead.
    pub fn has_room(&self) -> bool {
        let near = self.unfinished.len() <= MAX_UNFINISHED / 2 && self.ahead() <= MAX_AHEAD / 2;
        self.lane.has_room() && (self.awaited > 0 || near)
    }

    fn ahead(&self) -> i64 {
        self.unfinished.front().map_or(0, |(first, _)| self.upto - first)
    }

    fn find(&self, offset: i64) -> Result<usize, usize> {
        self.unfinished.binary_search_by_key(&offset, |(o, _)| *o)
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
