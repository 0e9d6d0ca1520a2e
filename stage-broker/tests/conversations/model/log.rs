//! What a partition has to hold: something at each offset, and what became of it.

use super::read::Seen;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Open,
    Committed,
    Aborted,
}

/// What became of each transaction, by its number.
pub(crate) type Fates = Vec<Fate>;

#[derive(Debug)]
enum Slot {
    /// A record, and its transaction if it has one.
    Record(Record, Option<usize>),
    Marker,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) compacted: bool,
    slots: Vec<Slot>,
}

impl Log {
    pub(crate) fn new(compacted: bool) -> Log {
        Log { compacted, slots: Vec::new() }
    }

    pub(crate) fn end(&self) -> i64 {
        self.slots.len() as i64
    }

    pub(crate) fn stable_end(&self, fates: &Fates) -> i64 {
        let open = |slot: &Slot| matches!(slot, Slot::Record(_, Some(transaction)) if fates[*transaction] == Fate::Open);
        self.slots.iter().position(open).map_or(self.end(), |offset| offset as i64)
    }

    pub(crate) fn push(&mut self, records: Vec<Record>, transaction: Option<usize>) {
        self.slots.extend(records.into_iter().map(|record| Slot::Record(record, transaction)));
    }

    pub(crate) fn push_marker(&mut self) {
        self.slots.push(Slot::Marker);
    }

    /// The records from an offset to before another.
    fn between(&self, from: i64, to: i64, fates: &Fates, committed: bool) -> Vec<(i64, Record)> {
        let slots = self.slots.iter().enumerate().take(to as usize).skip(from as usize);
        let visible = slots.filter_map(|(offset, slot)| match slot {
            Slot::Record(_, Some(number)) if committed && fates[*number] != Fate::Committed => None,
            Slot::Record(record, _) => Some((offset as i64, record.clone())),
            Slot::Marker => None,
        });
        visible.collect()
    }

    /// Whether this may be seen by who reads from an offset.
    pub(crate) fn check(&self, seen: &Seen, from: i64, committed: bool, fates: &Fates) {
        let stable = self.stable_end(fates);
        assert_eq!((seen.high_watermark, seen.last_stable), (self.end(), stable));
        let to = if committed { stable } else { self.end() };
        assert!(seen.next > from || from >= to, "nothing at {from}, with more to come");
        assert!(seen.next <= to.max(from), "{} is behind the end {to}", seen.next);
        let held = self.between(from, seen.next, fates, committed);
        if !self.compacted {
            assert_eq!(seen.records, held, "from {from}");
            return;
        }
        let mut held = held.iter();
        for record in &seen.records {
            assert!(held.any(|held| held == record), "{record:?} is not there, or not in order");
        }
    }

    /// Whether of each key the last committed value is among all that can be seen; or, if it is a
    /// tombstone that is gone, none of those before it.
    pub(crate) fn check_latest(&self, seen: &[(i64, Record)], fates: &Fates) {
        let all = self.between(0, self.stable_end(fates), fates, true);
        let latest: BTreeMap<_, _> = all.iter().map(|found| (&found.1.key, found)).collect();
        for (key, last) in latest {
            let gone = last.1.value.is_none() && seen.iter().all(|(_, record)| record.key != *key);
            assert!(gone || seen.contains(last), "{last:?} is gone");
        }
    }
}
