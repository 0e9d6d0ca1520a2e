//! What a log knew at some point, so that a start need not read all of it again. Lost or damaged,
//! it is rebuilt from the segments.

use super::aborted::Aborted;
use super::index::Index;
use super::place::{Place, replace};
use super::producers::Producers;
use super::segment::Segment;
use crate::disk::Disk;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

const NAME: &str = "checkpoint";

/// Producers and aborted transactions as of an offset.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Everything below this is in it.
    pub(crate) end: i64,
    pub(crate) producers: Producers,
    pub(crate) aborted: Aborted,
}

/// Bytes to be put on disk, once the segment they speak of is there.
#[derive(Debug)]
pub(crate) struct Draft {
    segment: Arc<File>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Draft {
    /// Of a log's newest segment, or of one that was just sealed.
    pub(crate) fn new(
        place: &Place,
        segment: &Segment,
        producers: &Producers,
        aborted: &Aborted,
    ) -> io::Result<Option<Draft>> {
        let (Some(path), Some(at)) = (place.path(NAME), &segment.path) else { return Ok(None) };
        let checkpoint =
            Checkpoint { end: segment.end, producers: producers.clone(), aborted: aborted.clone() };
        let json = serde_json::to_vec(&checkpoint)?;
        let mut bytes = format!("{:08x}\n", crc32c::crc32c(&json)).into_bytes();
        bytes.extend(json);
        let index = segment.index.encode(segment.size, segment.end);
        let files = vec![(at.with_extension("index"), index), (path, bytes)];
        Ok(Some(Draft { segment: segment.file()?, files }))
    }

    /// Writes it; blocks. If anything is forced to the disk, the segment is first.
    pub(crate) fn write(self, disk: Option<&Disk>) -> io::Result<()> {
        if let Some(disk) = disk {
            disk.force(&self.segment)?;
        }
        self.files.iter().try_for_each(|(path, bytes)| replace(path, bytes, disk.is_some()))
    }
}

/// The checkpoint of a log, if there is a whole one.
pub(crate) fn read(place: &Place) -> Option<Checkpoint> {
    let bytes = std::fs::read(place.path(NAME)?).ok()?;
    let (crc, json) = bytes.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.trim_end(), 16).ok()?;
    if crc32c::crc32c(json) != crc { None } else { serde_json::from_slice(json).ok() }
}

/// The index of a segment file, if there is a whole one that speaks of no more than is there.
pub(crate) fn index_of(segment: &std::path::Path, length: u64) -> Option<(Index, u32, i64)> {
    let bytes = std::fs::read(segment.with_extension("index")).ok()?;
    Index::decode(&bytes).filter(|(_, size, _)| u64::from(*size) <= length)
}
