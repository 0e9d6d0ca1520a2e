//! One partition's log: batches in segments, who wrote them, and what became of transactions.

pub(crate) mod batch;

pub(crate) mod record;

pub(crate) mod codec;

pub(crate) mod marker;

pub(crate) mod place;

pub(crate) mod segment;

pub(crate) mod stretch;

pub(crate) mod index;

mod open;

mod recovery;

pub(crate) mod checkpoint;

pub(crate) mod producers;

pub(crate) mod aborted;

mod time;

pub(crate) mod retention;

pub(crate) mod compaction;

#[cfg(test)]
mod tests;

use aborted::Aborted;
use batch::Header;
use bytes::Bytes;
use checkpoint::Draft;
use place::Place;
use producers::Producers;
use segment::{Found, Segment};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Bytes appended between two checkpoints.
const CHECKPOINT_EVERY: u64 = 32 << 20;

/// What a log must know of its topic's settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// A segment is closed before it grows beyond this.
    pub(crate) segment_bytes: u32,
    /// A segment is closed when its first record is this old, in milliseconds.
    pub(crate) segment_ms: i64,
    /// The oldest segments go while there is more than this; -1: never.
    pub(crate) retention_bytes: i64,
    /// Segments whose newest record is older go; -1: never.
    pub(crate) retention_ms: i64,
    /// Old records go by age and size.
    pub(crate) delete: bool,
    /// Of each key the last record stays.
    pub(crate) compact: bool,
    /// A record younger than this is not compacted away.
    pub(crate) min_compaction_lag_ms: i64,
    /// A record is compacted at the latest at this age.
    pub(crate) max_compaction_lag_ms: i64,
    /// How long a tombstone can be read once nothing it deletes is there.
    pub(crate) delete_retention_ms: i64,
    /// The part of the log that must be new before it is compacted.
    pub(crate) min_dirty_ratio: f64,
}

/// A partition's log.
#[derive(Debug)]
pub(crate) struct Log {
    place: Place,
    pub(crate) settings: Settings,
    /// Oldest first, never empty; the last one grows.
    segments: Vec<Segment>,
    start: i64,
    pub(crate) producers: Producers,
    pub(crate) aborted: Aborted,
    /// Bytes since the last checkpoint.
    unsaved: u64,
    /// Files, and from where on there was something that no checkpoint knew of when the log was opened.
    recovered: Vec<(Arc<File>, u64)>,
    /// A file was made in its directory since that was told.
    grown: bool,
}

/// What an append asks of its caller.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// A segment that was closed by it, to be written down.
    pub(crate) draft: Option<Draft>,
}

impl Log {
    /// The first offset that can be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    pub(crate) fn end(&self) -> i64 {
        self.segments.last().map_or(self.start, |segment| segment.end)
    }

    /// Before this every transaction has ended.
    pub(crate) fn stable_end(&self) -> i64 {
        self.producers.first_open().unwrap_or_else(|| self.end())
    }

    /// Bytes on disk.
    pub(crate) fn size(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.size)).sum()
    }

    /// The file that grows.
    pub(crate) fn file(&self) -> io::Result<Arc<File>> {
        self.newest().file()
    }

    /// Files, and from where on there was something when the log was opened that perhaps never
    /// reached the disk; told once.
    pub(crate) fn take_recovered(&mut self) -> Vec<(Arc<File>, u64)> {
        std::mem::take(&mut self.recovered)
    }

    /// The directory, if files were made in it since it was told, or perhaps before the log was opened.
    pub(crate) fn take_grown(&mut self) -> Option<&Path> {
        let Place::Disk(path) = &self.place else { return None };
        std::mem::take(&mut self.grown).then_some(path)
    }

    /// Appends a batch that was checked and judged. After an error nothing of it is there.
    pub(crate) fn append(
        &mut self,
        mut header: Header,
        batch: &[u8],
        now: i64,
    ) -> io::Result<Appended> {
        let mut appended = Appended::default();
        if self.is_full(header.size, now) {
            appended.draft = self.roll()?;
        }
        header.base_offset = self.end();
        appended.base_offset = header.base_offset;
        let newest = self.newest_mut();
        newest.append(&header, batch)?;
        newest.begun.get_or_insert(now);
        self.learn(&header, batch);
        self.unsaved += header.size as u64;
        if self.unsaved >= CHECKPOINT_EVERY && appended.draft.is_none() {
            appended.draft = self.draft();
        }
        Ok(appended)
    }

    /// Whole batches from `from` to before `to`: at most `limit` bytes, but at least one batch.
    pub(crate) fn find(&self, from: i64, to: i64, limit: usize) -> io::Result<Found> {
        let first = self.segments.partition_point(|segment| segment.end <= from);
        for segment in &self.segments[first..] {
            let found = segment.find(from, to, limit)?;
            // A compacted segment may hold nothing at or after the offset.
            if found.len() > 0 || segment.end >= to {
                return Ok(found);
            }
        }
        Ok(Found::Few(Bytes::new()))
    }

    /// Reads them.
    pub(crate) fn read(&self, from: i64, to: i64, limit: usize) -> io::Result<Bytes> {
        match self.find(from, to, limit)? {
            Found::Few(bytes) => Ok(bytes),
            Found::Many(stretch) => stretch.read(),
        }
    }

    /// Whether something was appended since the last checkpoint.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved > 0
    }

    /// What a checkpoint of now must hold; nothing for a log without a place.
    pub(crate) fn draft(&mut self) -> Option<Draft> {
        self.unsaved = 0;
        let newest = self.newest();
        let draft = Draft::new(&self.place, newest, &self.producers, &self.aborted);
        draft.inspect_err(|error| tracing::warn!(%error, "no checkpoint")).ok().flatten()
    }

    /// Begins a new segment.
    pub(crate) fn roll(&mut self) -> io::Result<Option<Draft>> {
        let draft = self.draft();
        let segment = Segment::create(&self.place, self.end())?;
        self.newest_mut().seal();
        self.segments.push(segment);
        self.grown = true;
        Ok(draft)
    }

    /// Takes note of a batch that stands in the log.
    fn learn(&mut self, header: &Header, batch: &[u8]) {
        self.producers.took(header);
        if header.is_control()
            && let Some(committed) = marker::commits(batch)
            && let epoch = marker::coordinator_epoch(batch).unwrap_or(0)
            && let Some(ended) = self.producers.ended(header, epoch)
            && !committed
        {
            self.aborted.push(ended);
        }
    }

    fn is_full(&self, more: usize, now: i64) -> bool {
        let newest = self.newest();
        newest.size > 0
            && (newest.size as usize + more > self.settings.segment_bytes as usize
                || newest.begun.is_some_and(|begun| now - begun >= self.settings.segment_ms))
    }

    fn newest(&self) -> &Segment {
        &self.segments[self.segments.len() - 1]
    }

    fn newest_mut(&mut self) -> &mut Segment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    fn start_of_file(&self) -> i64 {
        self.segments.first().map_or(self.start, |segment| segment.base)
    }
}
