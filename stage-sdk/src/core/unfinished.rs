//! The offsets of a partition that are not finished, and how long they are in its metadata.

use super::Id;
use super::position::{MAX_LENGTH, length};
use std::collections::VecDeque;

/// Offsets that are not finished, ascending, each with the record that arrived of it.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Without an id: restored as unfinished, not yet arrived.
    offsets: VecDeque<(i64, Option<Id>)>,
    awaited: usize,
    /// Characters of the gaps between them, as [`super::Position::metadata`] writes them.
    length: usize,
}

impl Unfinished {
    /// What an earlier owner left, none of which has arrived.
    pub(super) fn awaited(offsets: &[i64]) -> Unfinished {
        let mut unfinished = Unfinished { awaited: offsets.len(), ..Unfinished::default() };
        offsets.iter().for_each(|offset| unfinished.push(*offset, None));
        unfinished
    }

    /// Adds the last one.
    pub(super) fn push(&mut self, offset: i64, id: Option<Id>) {
        if let Some((last, _)) = self.offsets.back() {
            self.length += length(offset - last - 1);
        }
        self.offsets.push_back((offset, id));
    }

    /// The record of an awaited offset is here.
    pub(super) fn arrive(&mut self, offset: i64, id: Id) {
        if let Ok(at) = self.find(offset) {
            self.offsets[at].1 = Some(id);
            self.awaited -= 1;
        }
    }

    /// What was awaited below this offset exists no longer: records arrive in order.
    pub(super) fn await_from(&mut self, offset: i64) {
        if self.awaited == 0 {
            return;
        }
        let below = self.offsets.iter().take_while(|(o, _)| *o < offset);
        let gone: Vec<i64> = below.filter(|(_, id)| id.is_none()).map(|(o, _)| *o).collect();
        self.awaited -= gone.len();
        gone.into_iter().for_each(|offset| self.remove(offset));
    }

    /// Whether an offset is still to arrive.
    pub(super) fn awaits(&self, offset: i64) -> bool {
        self.find(offset).is_ok_and(|at| self.offsets[at].1.is_none())
    }

    /// Whether any is still to arrive.
    pub(super) fn awaits_any(&self) -> bool {
        self.awaited > 0
    }

    /// This one is finished.
    pub(super) fn remove(&mut self, offset: i64) {
        let is = |end: Option<&(i64, Option<Id>)>| end.is_some_and(|(o, _)| *o == offset);
        // Mostly it is the first or the last.
        if is(self.offsets.front()) {
            self.offsets.pop_front();
            let next = self.offsets.front();
            self.length -= next.map_or(0, |(next, _)| length(next - offset - 1));
        } else if is(self.offsets.back()) {
            self.offsets.pop_back();
            let before = self.offsets.back();
            self.length -= before.map_or(0, |(before, _)| length(offset - before - 1));
        } else if let Ok(at) = self.find(offset) {
            let (before, after) = (self.offsets[at - 1].0, self.offsets[at + 1].0);
            self.length += length(after - before - 1);
            self.length -= length(offset - before - 1) + length(after - offset - 1);
            self.offsets.remove(at);
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The first of them; none of its id: it has not arrived yet.
    pub(super) fn first(&self) -> Option<(i64, Option<Id>)> {
        self.offsets.front().copied()
    }

    /// All of them.
    pub(super) fn offsets(&self) -> impl Iterator<Item = i64> + '_ {
        self.offsets.iter().map(|(offset, _)| *offset)
    }

    /// The records that have arrived.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.offsets.iter().filter_map(|(_, id)| *id)
    }

    /// Whether the metadata has room for no more.
    pub(super) fn is_full(&self) -> bool {
        self.length >= MAX_LENGTH
    }

    /// Whether half of the metadata is free.
    pub(super) fn has_room(&self) -> bool {
        self.length <= MAX_LENGTH / 2
    }

    fn find(&self, offset: i64) -> Result<usize, usize> {
        self.offsets.binary_search_by_key(&offset, |(o, _)| *o)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Position;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// The characters that the metadata of these takes, less what it has of none.
    fn written(unfinished: &Unfinished, upto: i64) -> usize {
        let text = Position::new(unfinished.offsets().collect(), upto).metadata();
        let mut none = Position::at(unfinished.first().map_or(upto, |(first, _)| first));
        none.upto = upto;
        text.len() - none.metadata().len()
    }

    #[test]
    fn its_length_is_that_of_the_metadata() {
        for seed in 0..200 {
            let random = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
            let far = [1, 40, 5_000][random.random_range(0..3)];
            let (mut unfinished, mut upto) = (Unfinished::default(), random.random_range(0..99));
            for _ in 0..300 {
                if random.random_bool(0.6) {
                    upto += random.random_range(0..far);
                    unfinished.push(upto, Some(Id { slot: 0, life: 0 }));
                    upto += 1;
                } else if !unfinished.is_empty() {
                    let at = random.random_range(0..unfinished.len());
                    let offset = unfinished.offsets().nth(at).unwrap_or_default();
                    unfinished.remove(offset);
                }
                // Something finished behind the last, so that none of them is cut off the end.
                assert_eq!(unfinished.length, written(&unfinished, upto + 1), "{seed}");
            }
        }
    }

    #[test]
    fn what_no_longer_comes_is_not_awaited() {
        let mut unfinished = Unfinished::awaited(&[5, 7, 90]);
        unfinished.arrive(5, Id { slot: 0, life: 0 });
        unfinished.await_from(90);
        assert_eq!(unfinished.offsets().collect::<Vec<_>>(), [5, 90]);
        assert!(unfinished.awaits(90) && unfinished.awaits_any());
        assert_eq!(unfinished.length, written(&unfinished, 92));
    }
}
