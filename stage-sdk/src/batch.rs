//! The encoded outputs of a window, in one growing buffer, kept until they are committed.

use crate::core::Partition;
use crate::kafka::CONTROL;

/// A stretch of the buffer, or nothing.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: u32,
    len: u32,
}

const NONE: Stretch = Stretch { start: 0, len: u32::MAX };

/// One output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The record it came of.
    pub(crate) source: Partition,
    pub(crate) offset: i64,
    /// Index into the worker's targets.
    pub(crate) target: u16,
    /// The partition it goes to; none: by its key.
    pub(crate) partition: Option<i32>,
    /// Milliseconds since the epoch; -1: the broker's or the producer's time.
    pub(crate) time: i64,
    key: Stretch,
    value: Stretch,
    headers: Stretch,
}

/// Outputs, in the order in which they were released.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// A place to cut a batch back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    bytes: usize,
    entries: usize,
}

impl Batch {
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), entries: self.entries.len() }
    }

    /// Forgets what was added since the mark.
    pub(crate) fn cut(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.entries.truncate(mark.entries);
    }

    /// Bytes added since the mark; none if there is no new entry.
    pub(crate) fn since(&self, mark: Mark) -> Option<usize> {
        (self.entries.len() > mark.entries).then(|| self.bytes.len() - mark.bytes)
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn entries_since(&self, mark: Mark) -> &[Entry] {
        self.entries.get(mark.entries..).unwrap_or_default()
    }

    /// Key, value and headers together.
    pub(crate) fn size(&self, entry: &Entry) -> usize {
        let len = |stretch| self.stretch(stretch).map_or(0, <[u8]>::len);
        len(entry.key) + len(entry.value) + len(entry.headers)
    }

    pub(crate) fn get(&self, at: usize) -> Option<Entry> {
        self.entries.get(at).copied()
    }

    pub(crate) fn key(&self, entry: &Entry) -> Option<&[u8]> {
        self.stretch(entry.key)
    }

    pub(crate) fn value(&self, entry: &Entry) -> Option<&[u8]> {
        self.stretch(entry.value)
    }

    pub(crate) fn headers(&self, entry: &Entry) -> &[u8] {
        self.stretch(entry.headers).unwrap_or_default()
    }

    /// Appends an output; `write` appends its value.
    pub(crate) fn push<E>(
        &mut self,
        place: Place<'_>,
        write: Option<impl FnOnce(&mut Vec<u8>) -> Result<(), E>>,
    ) -> Result<(), E> {
        let key = place.key.map_or(NONE, |key| self.put(key));
        let headers = if place.headers.is_empty() { NONE } else { self.put(place.headers) };
        let value = match write {
            None => NONE,
            Some(write) => {
                let start = self.bytes.len();
                write(&mut self.bytes)?;
                Stretch { start: start as u32, len: (self.bytes.len() - start) as u32 }
            }
        };
        self.entries.push(Entry {
            source: place.source,
            offset: place.offset,
            target: place.target,
            partition: place.partition,
            time: place.time,
            key,
            value,
            headers,
        });
        Ok(())
    }

    /// Appends all of another batch, as outputs of this record.
    pub(crate) fn append(&mut self, other: &Batch, source: Partition, offset: i64) {
        let by = self.bytes.len() as u32;
        let moved =
            |s: Stretch| if s.len == u32::MAX { s } else { Stretch { start: s.start + by, ..s } };
        self.bytes.extend_from_slice(&other.bytes);
        self.entries.extend(other.entries.iter().map(|entry| Entry {
            source,
            offset,
            key: moved(entry.key),
            value: moved(entry.value),
            headers: moved(entry.headers),
            ..*entry
        }));
    }

    /// Puts the outputs of `other` in place of the record's own; that a command is carried out stays.
    pub(crate) fn replace(&mut self, source: Partition, offset: i64, other: &Batch) {
        self.entries.retain(|entry| {
            entry.target == CONTROL || (entry.source, entry.offset) != (source, offset)
        });
        self.append(other, source, offset);
    }

    fn put(&mut self, bytes: &[u8]) -> Stretch {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Stretch { start, len: bytes.len() as u32 }
    }

    fn stretch(&self, stretch: Stretch) -> Option<&[u8]> {
        let start = stretch.start as usize;
        (stretch.len != u32::MAX).then(|| &self.bytes[start..start + stretch.len as usize])
    }
}

/// All of an output but its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) source: Partition,
    pub(crate) offset: i64,
    pub(crate) target: u16,
    pub(crate) partition: Option<i32>,
    pub(crate) time: i64,
    pub(crate) key: Option<&'p [u8]>,
    pub(crate) headers: &'p [u8],
}
