//! The retry lane of one partition: which keys are blocked, what is parked of them and in which
//! order, when each goes on, and what to fetch next.
//!
//! A parked record's bytes are in the retry topic, and here is only where. What is parked is known
//! from the redirect topic, whoever owned the partition before; where it is in the retry topic is
//! learnt by reading that from its beginning, which is kept close to what is still parked.

mod commands;
mod replays;

pub use commands::{Answer, Command, CommandId, Wish};

use super::status::{Doing, Head};
use super::{Id, Note, Time};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

/// The wait before a fetch that found nothing is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long until what nobody needs any more is deleted again.
const CLEAN: Duration = Duration::from_secs(10);

/// When a parked record goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Then it is tried again.
    Until(Time),
    /// Once somebody says so: its attempts are used up.
    Held,
    /// Once those of its key before it are done.
    Behind,
}

/// A parked record, as the redirect topic tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its offset in the input.
    pub offset: i64,
    /// Hash of its key, as that of the input's records; none: it has no key, and no order.
    pub key: Option<u64>,
    /// How it stands.
    pub note: Note,
}

#[derive(Clone, Copy, Debug)]
struct Parked {
    offset: i64,
    /// In the retry topic; none: not seen there yet.
    place: Option<i64>,
    /// Which copy of it there.
    edition: u64,
    attempts: u32,
    first: Option<Time>,
    /// Its place among the records in flight.
    id: Option<Id>,
}

/// A blocked key.
#[derive(Debug)]
struct Blocked {
    /// In the order of the input.
    records: VecDeque<Parked>,
    /// How many of them are in flight: from the first on, unless one was parked before them since.
    taken: usize,
    /// One was: no more are taken until those in flight are done.
    passed: bool,
    /// Of the first.
    rest: Rest,
    /// The batch with the last note of it, until that is committed: what nobody could know of is not
    /// tried again, so that a window has one note of a record at most.
    noted: Option<u64>,
    /// Records of the key were in flight beside the lane when its first was replayed: those go before it.
    beside: bool,
}

impl Blocked {
    /// The first may go on, and its bytes are not here.
    fn is_wanted(&self) -> bool {
        self.taken == 0 && self.rest == Rest::Behind
    }
}

/// A partition's lane.
#[derive(Debug, Default)]
pub struct Lane {
    keys: FxHashMap<u64, Blocked>,
    len: usize,
    limit: usize,
    /// Heads that wait for their time; one whose key is gone since is passed over.
    due: BinaryHeap<Reverse<(Time, u64)>>,
    /// Where the parked are.
    places: BTreeSet<i64>,
    /// Parked, and not seen in the retry topic yet.
    unplaced: usize,
    /// Where the wanted are; of how many that is not known yet.
    wanted: BTreeSet<i64>,
    sought: usize,
    /// The retry topic is known up to here.
    read_to: i64,
    /// Where the last fetch ended.
    cursor: i64,
    fetching: bool,
    /// A fetch found nothing; the next is asked then.
    again: Option<Time>,
    /// What rests by itself though it is not its key's first, by offset: it was parked when each record
    /// waited alone, and its time, or that it is held, still counts once it is the first.
    resting: FxHashMap<i64, Rest>,
    /// Keys with a note in a batch that is not committed.
    noted: Vec<(u64, u64)>,
    /// Done in a window that is not committed: its batch, offset, place.
    settling: Vec<(u64, i64, i64)>,
    cleaned_to: i64,
    cleaned: Option<Time>,
    /// What operators want of which key.
    commands: FxHashMap<u64, Vec<commands::Open>>,
    /// Commands with an answer in a batch that is not committed.
    answered: Vec<(u64, CommandId)>,
    looking: commands::Looking,
}

/// What a record without a key is parked under: itself alone.
fn alone(offset: i64) -> u64 {
    (offset as u64 ^ 0xA5A5_5A5A_0F0F_F0F0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Lane {
    /// What an earlier owner left; `start`: where the retry topic begins. Takes in no more than
    /// `limit` records before it is full.
    pub fn restore(limit: usize, mut pending: Vec<Pending>, start: i64) -> Lane {
        let mut lane =
            Lane { limit, read_to: start, cursor: start, cleaned_to: start, ..Lane::default() };
        pending.sort_unstable_by_key(|pending| pending.offset);
        for Pending { offset, key, note } in pending {
            lane.park(key, offset, note);
        }
        lane
    }

    /// Parked records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is parked.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Blocked keys.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// When the first of the parked failed first.
    pub fn since(&self) -> Option<Time> {
        self.keys.values().filter_map(|blocked| blocked.records.front()?.first).min()
    }

    /// The parked record that came first.
    pub fn head(&self) -> Option<Head> {
        let heads = self.keys.values().filter_map(|b| Some((b.records.front()?, b.rest)));
        let (record, rest) = heads.min_by_key(|(record, _)| record.offset)?;
        let Parked { offset, attempts, first, id, .. } = *record;
        Some(Head { offset, id, attempts, first, doing: Doing::Parked(rest) })
    }

    /// Whether it holds as much as it may.
    pub fn is_full(&self) -> bool {
        self.len > 0 && self.len >= self.limit
    }

    /// Whether it has room again: each pause throws away what was fetched ahead.
    pub fn has_room(&self) -> bool {
        self.len <= self.limit / 2
    }

    /// Whether the key's records are parked as they come.
    pub fn blocks(&self, key: Option<u64>) -> bool {
        key.is_some_and(|key| self.keys.contains_key(&key))
    }

    /// Whether this very record is parked already.
    pub fn holds(&self, key: Option<u64>, offset: i64) -> bool {
        let blocked = self.keys.get(&key.unwrap_or_else(|| alone(offset)));
        blocked.is_some_and(|blocked| blocked.find(offset).is_some())
    }

    /// Parks a record in the order of its key; whether it was not parked yet. The note's rest is that of a
    /// key's first; any other is behind, unless it rests by itself: an earlier policy left it so, or what
    /// was replayed came before it.
    pub fn park(&mut self, key: Option<u64>, offset: i64, note: Note) -> bool {
        let Note { attempts, first: since, rest, edition, .. } = note;
        let key = key.unwrap_or_else(|| alone(offset));
        let blocked = self.keys.entry(key).or_insert_with(|| Blocked {
            records: VecDeque::with_capacity(1),
            taken: 0,
            passed: false,
            rest,
            noted: None,
            beside: false,
        });
        // Mostly it is the last.
        let at = match blocked.records.back() {
            Some(last) if last.offset >= offset => match blocked.search(offset) {
                Ok(_) => return false,
                Err(at) => at,
            },
            _ => blocked.records.len(),
        };
        let first = at == 0 && blocked.taken == 0;
        let before = blocked.records.front().filter(|_| first).copied();
        let parked = Parked { offset, place: None, edition, attempts, first: since, id: None };
        blocked.records.insert(at, parked);
        blocked.passed |= at < blocked.taken;
        let rested = blocked.rest;
        self.len += 1;
        self.unplaced += 1;
        match (before, rested) {
            (Some(before), Rest::Behind) => match before.place {
                Some(place) => _ = self.wanted.remove(&place),
                None => self.sought -= 1,
            },
            (Some(before), rest) => _ = self.resting.insert(before.offset, rest),
            (None, _) => {}
        }
        if first {
            self.rests(key, rest);
        } else if rest != Rest::Behind {
            self.resting.insert(offset, rest);
        }
        true
    }

    /// A key's head waits as it says, or is wanted at once.
    fn rests(&mut self, key: u64, rest: Rest) {
        let Some(blocked) = self.keys.get_mut(&key) else { return };
        blocked.rest = rest;
        match rest {
            Rest::Until(at) => self.due.push(Reverse((at, key))),
            Rest::Held => {}
            Rest::Behind => match blocked.records.front().and_then(|head| head.place) {
                Some(place) => _ = self.wanted.insert(place),
                None => self.sought += 1,
            },
        }
    }

    /// When a head's time comes, or a fetch is to be asked again.
    pub fn deadline(&self) -> Option<Time> {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        [due, self.again].into_iter().flatten().min()
    }

    /// Heads whose time has come are wanted. Where records of the key are in flight `beside` the lane that
    /// is later: once they are done, and what came of them is in a window before. `filling`: the batch
    /// that has something, and takes what finishes now.
    pub fn tick(&mut self, now: Time, beside: impl Fn(u64) -> bool, filling: Option<u64>) {
        self.again = self.again.filter(|at| *at > now);
        while let Some(Reverse((at, key))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            let due =
                |blocked: &&mut Blocked| blocked.rest == Rest::Until(at) && blocked.noted.is_none();
            let Some(blocked) = self.keys.get_mut(&key).filter(due) else { continue };
            if blocked.beside && beside(key) {
                self.rests(key, Rest::Until(now + AGAIN));
                continue;
            }
            if std::mem::take(&mut blocked.beside)
                && let Some(batch) = filling
            {
                blocked.noted = Some(batch);
                self.noted.push((batch, key));
                continue;
            }
            self.rests(key, Rest::Behind);
        }
    }

    /// Records of this key are in flight beside the lane, and were before what was just parked.
    pub fn waits_beside(&mut self, key: u64) {
        if let Some(blocked) = self.keys.get_mut(&key) {
            blocked.beside = true;
        }
    }

    fn wants(&self) -> bool {
        self.sought > 0 || !self.wanted.is_empty()
    }

    /// Where to read the retry topic, if there is something to be had from it: onwards from the last
    /// place, and then again from the first.
    pub fn fetch(&mut self) -> Option<i64> {
        if self.fetching || self.again.is_some() || !self.wants() {
            return None;
        }
        let onwards = self.wanted.range(self.cursor..).next();
        let from = match onwards {
            Some(place) => *place,
            None if self.sought > 0 => self.read_to,
            None => *self.wanted.first()?,
        };
        self.fetching = true;
        Some(from)
    }

    /// A record came back from the retry topic; whether it is to be taken in flight now: it is the
    /// next of its key, whose time has come, and there is room.
    pub fn arrive(
        &mut self,
        key: Option<u64>,
        offset: i64,
        (place, edition): (i64, u64),
        room: bool,
    ) -> bool {
        let Some(blocked) = self.keys.get_mut(&key.unwrap_or_else(|| alone(offset))) else {
            return false;
        };
        let Some(at) = blocked.find(offset) else { return false };
        // One that was done with before it was replayed.
        if blocked.records[at].edition != edition {
            return false;
        }
        let wanted = at == 0 && blocked.is_wanted();
        match blocked.records[at].place {
            None => {
                blocked.records[at].place = Some(place);
                self.places.insert(place);
                self.unplaced -= 1;
                if wanted {
                    self.sought -= 1;
                    self.wanted.insert(place);
                }
            }
            // An older copy of it; where the group's offsets were set back there may be one.
            Some(known) if known != place => return false,
            Some(_) => {}
        }
        let next = at == blocked.taken && !blocked.passed && !self.resting.contains_key(&offset);
        if !room || !next || blocked.rest != Rest::Behind {
            return false;
        }
        blocked.taken += 1;
        if wanted {
            self.wanted.remove(&place);
        }
        true
    }

    /// Which copy of a parked record counts.
    pub fn edition(&self, key: Option<u64>, offset: i64) -> u64 {
        let blocked = self.keys.get(&key.unwrap_or_else(|| alone(offset)));
        blocked.and_then(|b| b.find(offset).map(|at| b.records[at].edition)).unwrap_or_default()
    }

    /// The record that was just taken is in flight as this; gives its attempts so far, and when the
    /// first of them was.
    pub fn took(&mut self, key: Option<u64>, offset: i64, id: Id) -> (u32, Option<Time>) {
        let blocked = self.keys.get_mut(&key.unwrap_or_else(|| alone(offset)));
        let record = blocked.and_then(|b| b.find(offset).map(|at| &mut b.records[at]));
        record.map_or((0, None), |record| {
            record.id = Some(id);
            (record.attempts, record.first)
        })
    }

    /// A fetch is over; `next`: where it ended. Nothing `found`: it is too early for what is sought.
    pub fn fetched(&mut self, now: Time, next: i64, found: bool) {
        self.fetching = false;
        self.cursor = next;
        self.read_to = self.read_to.max(next);
        if !found {
            self.again = Some(now + AGAIN);
            self.cursor = 0;
        }
    }

    /// A record in flight is done, in the window with this batch. Whether its key is free now.
    pub fn finish(&mut self, key: Option<u64>, offset: i64, batch: u64) -> bool {
        let key = key.unwrap_or_else(|| alone(offset));
        let Some(blocked) = self.keys.get_mut(&key) else { return false };
        let Some(done) = blocked.find(offset).and_then(|at| blocked.records.remove(at)) else {
            return false;
        };
        blocked.taken = blocked.taken.saturating_sub(1);
        blocked.passed &= blocked.taken > 0;
        let wanted = blocked.is_wanted();
        self.len -= 1;
        match done.place {
            Some(place) => {
                self.places.remove(&place);
                self.settling.push((batch, offset, place));
            }
            None => self.unplaced -= 1,
        }
        if blocked.records.is_empty() {
            self.keys.remove(&key);
            return true;
        }
        if wanted && self.head_rests(key) {
            self.obey(key);
        }
        false
    }

    /// A key's head waits as it did when it was parked; whether it does by itself.
    fn head_rests(&mut self, key: u64) -> bool {
        let head = self.keys.get(&key).and_then(|blocked| blocked.records.front());
        let rest = head.and_then(|head| self.resting.remove(&head.offset));
        self.rests(key, rest.unwrap_or(Rest::Behind));
        rest.is_some()
    }

    /// A record in flight failed and rests. Gives the others of its key that are: they are fetched again
    /// in their turn.
    pub fn rest(&mut self, key: Option<u64>, offset: i64, note: Note, batch: u64) -> Vec<Id> {
        let key = key.unwrap_or_else(|| alone(offset));
        let Some(blocked) = self.keys.get_mut(&key) else { return Vec::new() };
        let Some(at) = blocked.find(offset) else { return Vec::new() };
        blocked.records[at].id = None;
        let others = blocked.records.iter_mut().filter_map(|record| record.id.take()).collect();
        let record = &mut blocked.records[at];
        (record.attempts, record.first) = (note.attempts, note.first);
        (blocked.taken, blocked.passed, blocked.noted) = (0, false, Some(batch));
        self.noted.push((batch, key));
        if at == 0 {
            self.rests(key, note.rest);
        } else {
            self.resting.insert(offset, note.rest);
            self.head_rests(key);
        }
        others
    }

    /// The records in flight.
    pub fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        let taken = self.keys.values().filter(|blocked| blocked.taken > 0);
        taken.flat_map(|blocked| blocked.records.iter().filter_map(|record| record.id))
    }

    /// Where a record is that is done and not committed.
    pub fn place(&self, offset: i64) -> Option<i64> {
        self.settling.iter().find(|(_, known, _)| *known == offset).map(|(_, _, place)| *place)
    }

    /// A batch is committed. Gives the place below which the retry topic is needed no more, if it is
    /// time to delete what is there.
    pub fn settle(&mut self, now: Time, batch: u64) -> Option<i64> {
        let mut commanded = Vec::new();
        for (_, key) in self.noted.extract_if(.., |(known, _)| *known == batch) {
            let Some(blocked) = self.keys.get_mut(&key) else { continue };
            blocked.noted = blocked.noted.filter(|noted| *noted != batch);
            if let Rest::Until(at) = blocked.rest {
                self.due.push(Reverse((at, key)));
            }
            if self.commands.contains_key(&key) {
                commanded.push(key);
            }
        }
        commanded.into_iter().for_each(|key| self.obey(key));
        self.answered.retain(|(known, _)| *known != batch);
        let before = self.settling.len();
        self.settling.retain(|(known, _, _)| *known != batch);
        let early = self.cleaned.is_some_and(|at| now < at + CLEAN);
        if self.settling.len() == before || early {
            return None;
        }
        let unseen = (self.unplaced > 0).then_some(self.read_to);
        let settling = self.settling.iter().map(|(_, _, place)| *place).min();
        let needed = [self.places.first().copied(), settling, unseen];
        let needed = needed.into_iter().flatten().min().unwrap_or(self.read_to);
        if needed <= self.cleaned_to {
            return None;
        }
        (self.cleaned_to, self.cleaned) = (needed, Some(now));
        Some(needed)
    }
}

impl Blocked {
    fn find(&self, offset: i64) -> Option<usize> {
        self.search(offset).ok()
    }

    fn search(&self, offset: i64) -> Result<usize, usize> {
        self.records.binary_search_by_key(&offset, |record| record.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Option<u64> = Some(7);

    fn id(slot: u32) -> Id {
        Id { slot, life: 0 }
    }

    fn ms(count: u64) -> Time {
        Time::from_millis(count)
    }

    fn note(attempts: u32, rest: Rest) -> Note {
        Note { attempts, first: None, rest, noted: None, edition: 0 }
    }

    #[test]
    fn what_follows_goes_on_when_its_head_is_done() {
        let mut lane = Lane::restore(100, Vec::new(), 0);
        lane.park(KEY, 391, note(1, Rest::Until(ms(10))));
        lane.tick(ms(10), |_| false, None);
        assert_eq!(lane.fetch(), Some(0));
        assert!(lane.arrive(KEY, 391, (23, 0), true));
        lane.took(KEY, 391, id(0));
        lane.fetched(ms(10), 24, true);
        lane.rest(KEY, 391, note(2, Rest::Until(ms(20))), 0);
        lane.park(KEY, 649, note(0, Rest::Behind));
        assert_eq!(lane.fetch(), None);
        lane.tick(ms(20), |_| false, None);
        assert_eq!(lane.fetch(), None, "its note is not committed");
        lane.settle(ms(20), 0);
        lane.tick(ms(20), |_| false, None);
        assert_eq!(lane.fetch(), Some(23));
        assert!(lane.arrive(KEY, 391, (23, 0), true));
        lane.took(KEY, 391, id(0));
        assert!(!lane.finish(KEY, 391, 1));
        assert!(lane.arrive(KEY, 649, (29, 0), true));
        lane.took(KEY, 649, id(1));
        lane.fetched(ms(20), 30, true);
        assert_eq!(lane.fetch(), None, "nothing is wanted");
        assert!(lane.finish(KEY, 649, 1));
        assert!(lane.is_empty());
    }

    #[test]
    fn what_comes_before_those_in_flight_waits_for_them_and_takes_nothing_from_them() {
        for fails in [false, true] {
            let mut lane = Lane::restore(100, Vec::new(), 0);
            for (offset, place) in [(391, 0), (649, 1)] {
                lane.park(KEY, offset, note(0, Rest::Behind));
                assert!(lane.arrive(KEY, offset, (place, 0), true));
                lane.took(KEY, offset, id(place as u32));
            }
            // As where the group's offsets were set back.
            lane.park(KEY, 12, note(0, Rest::Behind));
            lane.park(KEY, 400, note(0, Rest::Behind));
            lane.park(KEY, 700, note(0, Rest::Behind));
            for (offset, place) in [(12, 2), (400, 3), (700, 4)] {
                assert!(!lane.arrive(KEY, offset, (place, 0), true), "{offset}");
            }
            if fails {
                let others = lane.rest(KEY, 391, note(1, Rest::Until(ms(10))), 0);
                assert_eq!(others, [id(1)]);
            } else {
                assert!(!lane.finish(KEY, 391, 0) && !lane.finish(KEY, 649, 0));
            }
            let left: &[(i64, i64)] = match fails {
                false => &[(12, 2), (400, 3), (700, 4)],
                true => &[(12, 2), (391, 0), (400, 3), (649, 1), (700, 4)],
            };
            for (offset, place) in left {
                if *offset == 391 {
                    assert!(!lane.arrive(KEY, 391, (0, 0), true), "its time has not come");
                    lane.settle(ms(10), 0);
                    lane.tick(ms(10), |_| false, None);
                }
                assert!(lane.arrive(KEY, *offset, (*place, 0), true), "{offset}");
                lane.took(KEY, *offset, id(7));
                lane.finish(KEY, *offset, 1);
            }
            assert!(lane.is_empty() && !lane.wants());
        }
    }

    #[test]
    fn what_was_parked_alone_keeps_its_time_behind_another() {
        let pending = |offset, rest| Pending { offset, key: KEY, note: note(8, rest) };
        let rests = [Rest::Behind, Rest::Until(ms(50)), Rest::Held];
        let parked = [391, 649, 700].into_iter().zip(rests).map(|(of, rest)| pending(of, rest));
        let mut lane = Lane::restore(100, parked.collect(), 0);
        assert!(lane.arrive(KEY, 391, (0, 0), true));
        lane.took(KEY, 391, id(0));
        assert!(!lane.arrive(KEY, 649, (1, 0), true), "its time has not come");
        assert!(!lane.finish(KEY, 391, 0));
        assert!(!lane.arrive(KEY, 649, (1, 0), true));
        lane.tick(ms(50), |_| false, None);
        assert!(lane.arrive(KEY, 649, (1, 0), true));
        lane.took(KEY, 649, id(1));
        assert!(!lane.finish(KEY, 649, 0));
        lane.tick(ms(5000), |_| false, None);
        assert!(!lane.arrive(KEY, 700, (2, 0), true), "nobody has decided");
    }
}
