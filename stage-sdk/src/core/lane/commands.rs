//! What operators want of the parked records of a partition, and when to look for it.
//!
//! A command names records by their offsets, never "the first": whoever takes it up, and however
//! often, it concerns those alone. It is kept until its effect is in a window, and its answer with it.

use super::{Lane, alone};
use crate::core::{Rest, Time};
use std::time::Duration;

/// Between two looks for commands, while something is parked.
const LOOK: Duration = Duration::from_secs(1);

/// The same while nothing is: a dead letter may be replayed into the lane, and whoever wrote a command
/// may have seen what was done with last.
const LOOK_EMPTY: Duration = Duration::from_secs(5);

/// Names a command, as its record in the redirect topic does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandId(pub u128);

impl CommandId {
    /// Of what a replay of this name parks; never that of a first copy.
    pub(in crate::core) fn edition(self) -> u64 {
        (self.0 as u64).wrapping_add(1).max(1)
    }
}

/// What an operator wants of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Its first record is tried at once.
    RetryNow,
    /// Its first record is given up, and the next goes on.
    Skip,
    /// All of its records are given up, in order.
    Release,
    /// A dead letter is parked, to be tried at once.
    Replay,
}

/// An operator's command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// Its name.
    pub id: CommandId,
    /// What is wanted.
    pub wish: Wish,
    /// Hash of the key, as that of the input's records; none: the record has none.
    pub key: Option<u64>,
    /// The first record of the key that the operator saw waiting, by its offset in the input.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// The size of what is replayed.
    pub bytes: usize,
}

impl Command {
    fn gives_up(&self, offset: i64) -> bool {
        match self.wish {
            Wish::RetryNow | Wish::Replay => false,
            Wish::Skip => offset == self.first,
            Wish::Release => (self.first..=self.last).contains(&offset),
        }
    }

    /// Behind this offset it concerns nothing.
    pub(in crate::core) fn end(&self) -> i64 {
        if self.wish == Wish::Release { self.last } else { self.first }
    }
}

/// A command whose effect is not, or not all, in a window yet.
#[derive(Debug)]
pub(super) struct Open {
    command: Command,
    /// Records given up for it.
    given_up: u32,
}

/// What came of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Which.
    pub command: CommandId,
    /// How many records it concerned: those given up, tried, or parked. None: there was nothing left to
    /// do.
    pub records: u32,
}

/// When to look for commands.
#[derive(Debug, Default)]
pub(super) struct Looking {
    /// None: nothing is ever parked here.
    at: Option<Time>,
    asked: bool,
}

impl Lane {
    /// Takes a command, once; gives its answer if nothing is left to do for it.
    pub fn command(&mut self, command: Command, batch: u64) -> Option<Answer> {
        let key = command.key.unwrap_or_else(|| alone(command.first));
        let same = |open: &Open| open.command.id == command.id;
        let is_open = self.commands.get(&key).is_some_and(|all| all.iter().any(same));
        if is_open || self.answered.iter().any(|(_, id)| *id == command.id) {
            return None;
        }
        if self.is_over(key, &command) {
            self.answered.push((batch, command.id));
            return Some(Answer { command: command.id, records: 0 });
        }
        self.commands.entry(key).or_default().push(Open { command, given_up: 0 });
        self.obey(key);
        None
    }

    /// None of the records that it concerns waits any more.
    fn is_over(&self, key: u64, command: &Command) -> bool {
        let Some(blocked) = self.keys.get(&key) else { return true };
        let from = blocked.records.partition_point(|record| record.offset < command.first);
        blocked.records.get(from).is_none_or(|record| record.offset > command.end())
    }

    /// A key's first record goes on at once, if a command concerns it. One with a note that nobody
    /// could know of yet does so when that is committed.
    pub(super) fn obey(&mut self, key: u64) {
        let (Some(commands), Some(blocked)) = (self.commands.get(&key), self.keys.get(&key)) else {
            return;
        };
        let Some(head) = blocked.records.front().map(|head| head.offset) else { return };
        let rests = blocked.taken == 0 && blocked.noted.is_none() && blocked.rest != Rest::Behind;
        let concerns = |open: &Open| head == open.command.first || open.command.gives_up(head);
        if rests && commands.iter().any(concerns) {
            self.rests(key, Rest::Until(Time::ZERO));
        }
    }

    /// The command that gives this record up; it is counted.
    pub fn give_up(&mut self, key: Option<u64>, offset: i64) -> Option<Command> {
        if self.commands.is_empty() {
            return None;
        }
        let open = self.commands.get_mut(&key.unwrap_or_else(|| alone(offset)))?;
        let mut counted = open.iter_mut().filter(|open| open.command.gives_up(offset));
        let first = counted.next()?;
        first.given_up += 1;
        Some(first.command)
    }

    /// A key's first record, of this offset, was tried, or is done with, in the window with this
    /// batch. Gives the answers to the commands that are carried out with that.
    pub fn answers(&mut self, key: Option<u64>, offset: i64, batch: u64) -> Vec<Answer> {
        if self.commands.is_empty() {
            return Vec::new();
        }
        let key = key.unwrap_or_else(|| alone(offset));
        let Some(mut open) = self.commands.remove(&key) else { return Vec::new() };
        let mut answers = Vec::new();
        open.retain(|Open { command, given_up }| {
            let tried = command.wish == Wish::RetryNow && command.first == offset;
            if !tried && !self.is_over(key, command) {
                return true;
            }
            let records = if tried { 1 } else { *given_up };
            answers.push(Answer { command: command.id, records });
            false
        });
        if !open.is_empty() {
            self.commands.insert(key, open);
        }
        self.answered.extend(answers.iter().map(|answer| (batch, answer.command)));
        answers
    }

    /// When to look for commands. What was answered is committed first: so no window takes more of what is
    /// replayed than one look brings.
    pub fn look_at(&self) -> Option<Time> {
        let Looking { at, asked } = self.looking;
        at.filter(|_| !asked && self.answered.is_empty())
    }

    /// Whether to look for commands now.
    pub fn look(&mut self, now: Time) -> bool {
        let is_time = self.look_at().is_some_and(|at| at <= now);
        self.looking.asked |= is_time;
        is_time
    }

    /// Somebody looked; where more is to be expected the next look is soon.
    pub fn looked(&mut self, now: Time, more: bool) {
        let pause = if self.len > 0 { LOOK } else { LOOK_EMPTY };
        self.looking = Looking { at: Some(if more { now } else { now + pause }), asked: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Id, Note};

    const KEY: Option<u64> = Some(7);
    const NOW: Time = Time::from_millis(10);

    fn lane(offsets: &[i64]) -> Lane {
        let mut lane = Lane::restore(100, Vec::new(), 0);
        for (place, offset) in offsets.iter().enumerate() {
            let rest = if place == 0 { Rest::Held } else { Rest::Behind };
            lane.park(
                KEY,
                *offset,
                Note { attempts: 1, first: Some(NOW), rest, noted: None, edition: 0 },
            );
        }
        lane
    }

    fn command(id: u128, wish: Wish, first: i64, last: i64) -> Command {
        Command { id: CommandId(id), wish, key: KEY, first, last, bytes: 0 }
    }

    fn came_back(lane: &mut Lane, offset: i64, place: i64) {
        assert!(lane.arrive(KEY, offset, (place, 0), true));
        lane.took(KEY, offset, Id { slot: 0, life: 0 });
    }

    #[test]
    fn a_skip_is_of_one_record_however_often_it_comes() {
        let mut lane = lane(&[3, 5]);
        let skip = command(1, Wish::Skip, 3, 5);
        assert_eq!(lane.command(skip, 0), None);
        assert_eq!(lane.command(skip, 0), None, "twice");
        lane.tick(NOW, |_| false, None);
        assert!(lane.fetch().is_some(), "what was held is wanted");
        came_back(&mut lane, 3, 0);
        assert_eq!(lane.give_up(KEY, 3), Some(skip));
        lane.finish(KEY, 3, 0);
        let answer = Answer { command: skip.id, records: 1 };
        assert_eq!(lane.answers(KEY, 3, 0), [answer]);
        assert_eq!(lane.command(skip, 0), None, "its answer is not committed yet");
        lane.settle(NOW, 0);
        assert_eq!(lane.command(skip, 1), Some(Answer { records: 0, ..answer }));
        assert_eq!(lane.give_up(KEY, 5), None, "the next of the key goes on");
    }

    #[test]
    fn a_release_ends_where_the_operator_looked() {
        let mut lane = lane(&[3, 5, 8]);
        lane.command(command(1, Wish::Release, 3, 5), 0);
        lane.tick(NOW, |_| false, None);
        for (offset, place) in [(3, 0), (5, 1)] {
            came_back(&mut lane, offset, place);
            assert!(lane.give_up(KEY, offset).is_some());
            lane.finish(KEY, offset, 0);
            let answers = lane.answers(KEY, offset, 0).len();
            assert_eq!(answers, usize::from(offset == 5), "with the last");
        }
        assert_eq!(lane.give_up(KEY, 8), None);
    }

    #[test]
    fn a_retry_waits_for_the_note_before_it() {
        let mut lane = lane(&[3]);
        lane.command(command(1, Wish::RetryNow, 3, 3), 0);
        lane.tick(NOW, |_| false, None);
        came_back(&mut lane, 3, 0);
        let note =
            Note { attempts: 2, first: Some(NOW), rest: Rest::Held, noted: None, edition: 0 };
        lane.rest(KEY, 3, note, 0);
        assert_eq!(lane.answers(KEY, 3, 0).len(), 1);
        lane.command(command(2, Wish::RetryNow, 3, 3), 0);
        lane.fetched(NOW, 1, true);
        lane.tick(NOW, |_| false, None);
        assert_eq!(lane.fetch(), None);
        lane.settle(NOW, 0);
        lane.tick(NOW, |_| false, None);
        assert!(lane.fetch().is_some());
    }

    #[test]
    fn an_empty_lane_is_looked_at_less_often() {
        let mut lane = lane(&[3]);
        assert_eq!(lane.look_at(), None, "nobody knows what is there");
        lane.looked(NOW, true);
        for (pause, len) in [(LOOK, 1), (LOOK_EMPTY, 0)] {
            assert_eq!(lane.len(), len);
            assert!(lane.look(NOW) && !lane.look(NOW), "one look at a time");
            lane.looked(NOW, false);
            assert_eq!(lane.look_at(), Some(NOW + pause));
            lane.looked(NOW, true);
            lane.finish(KEY, 3, 0);
        }
    }
}
