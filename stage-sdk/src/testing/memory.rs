//! What would be in Kafka.

use super::CommitFails;
use crate::core::{Partition, Pending, Position, Time};
use crate::record::{Kept, Record, pack};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::Hasher;
use std::rc::Rc;

/// A record that a stage wrote.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    /// `output`, or the name of a named output.
    pub topic: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none: a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A record that was given up.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value, as it came.
    pub value: Option<Vec<u8>>,
    /// Why, in one word.
    pub disposition: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last attempt said.
    pub error: String,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        write!(f, "{:?}: {:?} in {}", text(&self.key), text(&self.value), self.topic)
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref().map(String::from_utf8_lossy);
        let DeadLetter { disposition, attempts, error, .. } = self;
        write!(f, "key {key:?}: {disposition} after {attempts} attempts: {error}")
    }
}

impl Written {
    #[track_caller]
    pub(super) fn is(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) {
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        let json = |bytes: Option<&[u8]>| {
            serde_json::from_slice::<serde_json::Value>(bytes.unwrap_or_default()).ok()
        };
        let own = self.value.as_deref();
        let same = own == value || (json(own).is_some() && json(own) == json(value));
        assert!(
            self.key.as_deref() == key && same,
            "in {topic:?} {:?}: {:?} was expected, and the next is {:?}: {:?}",
            text(key),
            text(value),
            text(self.key.as_deref()),
            text(own)
        );
    }
}

/// What a window wrote, or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Output(Written),
    Letter(DeadLetter),
    /// Into the retry topic.
    Park(Rc<Kept>),
    /// Into the redirect topic.
    Note(Pending),
    /// Out of the redirect topic.
    Free,
}

#[derive(Debug, Default)]
struct Input {
    records: Vec<Rc<Kept>>,
    committed: Option<Position>,
    retry: Vec<Rc<Kept>>,
    redirect: BTreeMap<i64, Pending>,
}

#[derive(Debug)]
pub(super) struct Memory {
    inputs: Vec<Input>,
    pub(super) outputs: VecDeque<Written>,
    pub(super) letters: VecDeque<DeadLetter>,
    pub(super) failures: VecDeque<CommitFails>,
}

impl Memory {
    pub(super) fn new(partitions: u16) -> Memory {
        Memory {
            inputs: (0..partitions).map(|_| Input::default()).collect(),
            outputs: VecDeque::new(),
            letters: VecDeque::new(),
            failures: VecDeque::new(),
        }
    }

    pub(super) fn partitions(&self) -> Vec<Partition> {
        (0..self.inputs.len() as i32).map(|number| Partition { input: 0, number }).collect()
    }

    /// Appends to the partition of the key, or of no key to the first.
    pub(super) fn add(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        all: &[(&str, Option<&[u8]>)],
        now: Time,
    ) {
        let mut hasher = rustc_hash::FxHasher::default();
        hasher.write(key.unwrap_or_default());
        let partition = hasher.finish() % self.inputs.len() as u64;
        let records = &mut self.inputs[partition as usize].records;
        let mut headers = Vec::new();
        all.iter().for_each(|(name, value)| pack(&mut headers, name, *value));
        let record = Record {
            key,
            value,
            headers: &headers,
            time: now.as_millis() as i64,
            partition: partition as i32,
            offset: records.len() as i64,
        };
        records.push(Rc::new(Kept::of(&record)));
    }

    fn input(&self, of: Partition) -> &Input {
        &self.inputs[of.number as usize]
    }

    pub(super) fn record(&self, of: Partition, offset: i64) -> Option<Rc<Kept>> {
        self.input(of).records.get(offset as usize).cloned()
    }

    /// What the retry topic has from this place on.
    pub(super) fn parked_from(&self, of: Partition, place: i64) -> Vec<(i64, Rc<Kept>)> {
        let all = self.input(of).retry.iter().cloned().enumerate();
        all.map(|(at, kept)| (at as i64, kept)).skip(place as usize).collect()
    }

    pub(super) fn pending(&self, of: Partition) -> Vec<Pending> {
        self.input(of).redirect.values().cloned().collect()
    }

    pub(super) fn committed(&self, of: Partition) -> Option<Position> {
        self.input(of).committed.clone()
    }

    pub(super) fn commit(&mut self, of: Partition, position: &Position) {
        self.inputs[of.number as usize].committed = Some(position.clone());
    }

    /// A write of the record of this place takes effect.
    pub(super) fn write(&mut self, of: Partition, offset: i64, write: Write) {
        let input = &mut self.inputs[of.number as usize];
        match write {
            Write::Output(written) => self.outputs.push_back(written),
            Write::Letter(letter) => self.letters.push_back(letter),
            Write::Park(kept) => input.retry.push(kept),
            Write::Note(pending) => _ = input.redirect.insert(offset, pending),
            Write::Free => _ = input.redirect.remove(&offset),
        }
    }

    pub(super) fn parked(&self) -> usize {
        self.inputs.iter().map(|input| input.redirect.len()).sum()
    }

    /// Records that are not committed: partition and offset.
    pub(super) fn uncommitted(&self) -> Vec<(usize, usize)> {
        let is_open = |input: &Input, offset: usize| {
            let committed = input.committed.as_ref();
            !committed.is_some_and(|position| position.is_finished(offset as i64))
        };
        let inputs = self.inputs.iter().enumerate();
        let open = inputs.flat_map(|(number, input)| {
            let offsets = (0..input.records.len()).filter(|offset| is_open(input, *offset));
            offsets.map(move |offset| (number, offset)).collect::<Vec<_>>()
        });
        open.collect()
    }
}
