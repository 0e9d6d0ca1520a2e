//! What goes: segments that are too old or too many, and records deleted by command.

use super::Log;
use super::checkpoint::Draft;
use super::segment::Segment;
use std::io;

impl Log {
    /// Takes away the segments that the topic's settings no longer keep; the newest stays unless
    /// it is too old as a whole, and then an empty one follows it.
    pub(crate) fn retain(&mut self, now: i64) -> io::Result<(Vec<Segment>, Option<Draft>)> {
        if !self.settings.delete {
            return Ok((Vec::new(), None));
        }
        let (keep_ms, keep_bytes) = (self.settings.retention_ms, self.settings.retention_bytes);
        let stable = self.stable_end();
        let mut size = self.size();
        let mut gone = 0;
        for segment in &self.segments {
            let old = keep_ms >= 0 && now - segment.index.max_timestamp > keep_ms;
            let over = keep_bytes >= 0
                && size.saturating_sub(u64::from(segment.size)) >= keep_bytes as u64;
            if segment.size == 0 || segment.end > stable || !(old || over) {
                break;
            }
            size -= u64::from(segment.size);
            gone += 1;
        }
        let draft = if gone == self.segments.len() { self.roll()? } else { None };
        let removed: Vec<_> = self.segments.drain(..gone).collect();
        if gone > 0 {
            self.advance(self.start_of_file());
        }
        Ok((removed, draft))
    }

    /// Deletes the records before an offset; the segments that hold nothing else.
    pub(crate) fn delete_before(&mut self, offset: i64) -> Vec<Segment> {
        self.advance(offset);
        let last = self.segments.len() - 1;
        let gone = self.segments[..last].partition_point(|segment| segment.end <= offset);
        self.segments.drain(..gone).collect()
    }

    fn advance(&mut self, offset: i64) {
        self.start = self.start.max(offset);
        self.aborted.forget_before(self.start);
    }
}

/// Removes the files of segments that were taken away; blocks.
pub(crate) fn remove(segments: Vec<Segment>) {
    for path in segments.into_iter().filter_map(|segment| segment.path) {
        for file in [path.with_extension("index"), path] {
            if let Err(error) = std::fs::remove_file(&file)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(?file, %error, "a file that is no longer needed stays");
            }
        }
    }
}
