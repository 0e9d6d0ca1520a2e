//! Which dead letters are done with.
//!
//! Kafka cannot take one record out of the middle of a topic. So what was replayed or dropped is
//! written down: a mark, a record of its own in the same partition of the dead-letter topic, in the
//! same transaction as the replayed records. It lives as long as the letters it speaks of, where a
//! group's offsets are forgotten after a week, and it can speak of any selection.

use super::PREFIX;
use crate::record::{Headers, Record, pack};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A mark's key begins with it.
const KEY: &str = "__stage.done/";

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    Replayed,
    Dropped,
}

impl How {
    pub(super) fn name(self) -> &'static str {
        match self {
            How::Replayed => "replayed",
            How::Dropped => "dropped",
        }
    }
}

/// These offsets of my partition are done with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) v: u32,
    pub(super) how: How,
    /// The replay's `--name`.
    pub(super) name: String,
    /// First and last of each stretch.
    pub(super) offsets: Vec<(i64, i64)>,
}

impl Mark {
    pub(super) fn new(how: How, name: &str) -> Mark {
        Mark { v: 1, how, name: name.to_owned(), offsets: Vec::new() }
    }

    /// Adds an offset; they come in ascending order.
    pub(super) fn add(&mut self, offset: i64) {
        match self.offsets.last_mut() {
            Some((_, last)) if *last + 1 == offset => *last = offset,
            _ => self.offsets.push((offset, offset)),
        }
    }

    /// Its key, its headers packed, and its value. No two have the same key: a compacted topic
    /// keeps them all.
    pub(super) fn record(&self) -> (String, Vec<u8>, Vec<u8>) {
        let first = self.offsets.first().map_or(0, |(first, _)| *first);
        let key = format!("{KEY}{}/{}/{first}", self.how.name(), self.name);
        let mut headers = Vec::new();
        pack(&mut headers, &header(), Some(b"1"));
        (key, headers, serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads one; none: it is something else. No dead letter of ours looks like it, since the
    /// header is under the names that are taken out of every record that dies.
    ///
    /// # Errors
    /// It is one of a later version.
    pub(super) fn read(record: &Record<'_>) -> Result<Option<Mark>, String> {
        let mut headers = Headers::new(record.headers);
        let alone = headers.next().is_some_and(|(name, _)| name == header());
        if !alone
            || headers.next().is_some()
            || !record.key.unwrap_or_default().starts_with(KEY.as_bytes())
        {
            return Ok(None);
        }
        match serde_json::from_slice(record.value.unwrap_or_default()) {
            Ok(Mark { v: 1, how, name, offsets }) => Ok(Some(Mark { v: 1, how, name, offsets })),
            _ => Err("was written by a later version of this program; use that one".to_owned()),
        }
    }
}

fn header() -> String {
    format!("{PREFIX}done")
}

/// All that is done with in a topic, as one replay sees it.
#[derive(Debug, Default)]
pub(super) struct Done(HashMap<i32, Vec<(i64, i64, How)>>);

impl Done {
    /// Takes in a mark. A replay counts for those of the same name only; what was dropped is gone
    /// for everybody.
    pub(super) fn add(&mut self, partition: i32, mark: Mark, name: &str) {
        if mark.how == How::Dropped || mark.name == name {
            let all = self.0.entry(partition).or_default();
            all.extend(mark.offsets.iter().map(|(first, last)| (*first, *last, mark.how)));
        }
    }

    /// Makes it ready to be asked.
    pub(super) fn sort(&mut self) {
        self.0.values_mut().for_each(|all| all.sort_unstable_by_key(|(first, ..)| *first));
    }

    /// What became of the dead letter; none: it is open.
    pub(super) fn how(&self, partition: i32, offset: i64) -> Option<How> {
        let all = self.0.get(&partition)?;
        let after = all.partition_point(|(first, ..)| *first <= offset);
        let (_, last, how) = all[..after].last()?;
        (offset <= *last).then_some(*how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(how: How, name: &str, offsets: &[i64]) -> Mark {
        let mut mark = Mark::new(how, name);
        offsets.iter().for_each(|offset| mark.add(*offset));
        mark
    }

    #[test]
    fn a_mark_comes_back_and_nothing_else_is_one() {
        let mark = mark(How::Replayed, "again", &[3, 4, 5, 9]);
        assert_eq!(mark.offsets, [(3, 5), (9, 9)]);
        let (key, headers, value) = mark.record();
        let (key, value) = (Some(key.as_bytes()), Some(&value[..]));
        let record = Record { key, value, headers: &headers, ..Record::default() };
        assert_eq!(Mark::read(&record), Ok(Some(mark)));
        assert_eq!(Mark::read(&Record { key: Some(b"k"), ..record }), Ok(None));
        assert_eq!(Mark::read(&Record { headers: &[], ..record }), Ok(None));
        let mut more = headers.clone();
        pack(&mut more, "own", None);
        assert_eq!(Mark::read(&Record { headers: &more, ..record }), Ok(None));
        let later = Record { value: Some(br#"{"v":2}"#), ..record };
        assert!(Mark::read(&later).unwrap_err().contains("later version"));
    }

    #[test]
    fn replays_count_by_name_and_drops_for_all() {
        let mut done = Done::default();
        done.add(0, mark(How::Dropped, "", &[7]), "again");
        done.add(0, mark(How::Replayed, "again", &[1, 2]), "again");
        done.add(0, mark(How::Replayed, "", &[4]), "again");
        done.sort();
        let how: Vec<_> = (0..9).map(|offset| done.how(0, offset)).collect();
        let (r, d) = (Some(How::Replayed), Some(How::Dropped));
        assert_eq!(how, [None, r, r, None, None, None, None, d, None]);
        assert_eq!(done.how(1, 1), None);
    }
}
