//! Opens a partition's log: what the indexes and the checkpoint know is believed, what came after
//! them is read.

use super::checkpoint::{self, Checkpoint};
use super::index::Index;
use super::place::Place;
use super::recovery::recover;
use super::segment::{DRAFT, Segment};
use super::{Log, Settings};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

impl Log {
    /// Opens the log at a place, or begins one there; records before `start` are deleted ones.
    pub(crate) fn open(place: Place, start: i64, settings: Settings) -> io::Result<Log> {
        let files = segment_files(&place)?;
        let mut log = Log {
            place,
            settings,
            segments: Vec::new(),
            start,
            producers: Default::default(),
            aborted: Default::default(),
            unsaved: 0,
            recovered: Vec::new(),
            grown: true,
        };
        let mut known = 0;
        if let Some(Checkpoint { end, producers, aborted }) = checkpoint::read(&log.place) {
            (known, log.producers, log.aborted) = (end, producers, aborted);
        }
        let mut cut = false;
        let count = files.len();
        for (number, (base, path)) in files.into_iter().enumerate() {
            if cut {
                // Behind a hole nothing can be offered; it stays for whoever wants to look at it.
                std::fs::rename(&path, path.with_extension("cut"))?;
                continue;
            }
            cut = log.open_segment(path, base, number + 1 == count, &mut known)?;
        }
        if log.end() < known {
            log.forget_from_checkpoint();
            log.replay()?;
        }
        if log.segments.is_empty() {
            log.segments.push(Segment::create(&log.place, start)?);
        } else if let Some(last) = log.segments.last_mut() {
            last.open_to_append()?;
        }
        // Of the first segments compaction may have left nothing: no record there was deleted.
        if !log.settings.compact {
            log.start = log.start.max(log.start_of_file());
        }
        log.start = log.start.min(log.end());
        Ok(log)
    }

    /// Opens one segment; whether bytes of it were cut.
    fn open_segment(
        &mut self,
        path: PathBuf,
        base: i64,
        newest: bool,
        known: &mut i64,
    ) -> io::Result<bool> {
        let length = std::fs::metadata(&path)?.len();
        let (index, size, end) =
            checkpoint::index_of(&path, length).unwrap_or((Index::default(), 0, base));
        let mut segment = Segment::known(path.clone(), base, end, size, index);
        // The producers must be known from where this segment is believed.
        if end > *known {
            segment = Segment::known(path.clone(), base, base, 0, Index::default());
        }
        let (from, begin) = (*known, segment.size);
        let torn = recover(&mut segment, !newest, |header, batch| {
            if header.base_offset >= from {
                self.learn(header, batch);
            }
        })?;
        if segment.size > begin {
            self.unsaved += u64::from(segment.size - begin);
            let file = File::options().read(true).write(true).open(&path)?;
            self.recovered.push((Arc::new(file), u64::from(begin)));
        }
        if torn > 0 {
            let end = segment.end;
            tracing::warn!(?path, torn, end, "the end of this file was torn and is cut");
        }
        *known = (*known).max(segment.end);
        self.segments.push(segment);
        Ok(torn > 0)
    }

    fn forget_from_checkpoint(&mut self) {
        self.producers = Default::default();
        self.aborted = Default::default();
    }

    /// Learns producers and aborted transactions from the first record on.
    fn replay(&mut self) -> io::Result<()> {
        let (mut next, end) = (self.start_of_file(), self.end());
        while next < end {
            let bytes = self.read(next, end, 1 << 20)?;
            let mut left = &bytes[..];
            while let Ok(header) = super::batch::Header::read(left) {
                self.learn(&header, &left[..header.size]);
                left = &left[header.size..];
                next = header.last_offset() + 1;
            }
            if bytes.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The segment files of a place, oldest first.
fn segment_files(place: &Place) -> io::Result<Vec<(i64, PathBuf)>> {
    let Place::Disk(dir) = place else { return Ok(Vec::new()) };
    let mut files: Vec<(i64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let base = path.file_stem().and_then(|name| name.to_str()).and_then(|n| n.parse().ok());
        match (base, path.extension().and_then(|extension| extension.to_str())) {
            (Some(base), Some("log")) => files.push((base, path)),
            // Of a compaction that did not end.
            (Some(_), Some(DRAFT)) => std::fs::remove_file(path)?,
            _ => {}
        }
    }
    files.sort_unstable();
    Ok(files)
}
