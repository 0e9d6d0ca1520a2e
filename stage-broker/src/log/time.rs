//! Offsets by time.

use super::Log;
use super::batch::{HEADER, Header};
use super::record::{self, Records};
use super::segment::Segment;
use std::io;

/// The most a batch may unpack to when it is looked into.
const UNPACKED: usize = 256 << 20;

impl Log {
    /// The first record with a timestamp of `time` or later: offset and timestamp.
    pub(crate) fn first_since(&self, time: i64) -> io::Result<Option<(i64, i64)>> {
        let start = self.start();
        for segment in &self.segments {
            if segment.end <= start || segment.index.max_timestamp < time {
                continue;
            }
            let mut found = None;
            segment.walk(segment.index.position_of_time(time), |position, header| {
                let wanted = header.last_offset() >= start
                    && header.max_timestamp >= time
                    && !header.is_control();
                found = wanted.then_some((position, *header));
                found.is_none()
            })?;
            if let Some((position, header)) = found {
                let since = |offset, at| offset >= start && at >= time;
                return Ok(inside(segment, position, &header, since)?
                    .or(Some((header.base_offset.max(start), header.max_timestamp))));
            }
        }
        Ok(None)
    }

    /// The record with the greatest timestamp: offset and timestamp.
    pub(crate) fn latest_by_time(&self) -> io::Result<Option<(i64, i64)>> {
        let newest = |s: &&Segment| s.index.max_timestamp;
        let alive = self.segments.iter().filter(|s| s.index.max_timestamp_batch >= 0);
        let Some(segment) = alive.rev().max_by_key(newest) else { return Ok(None) };
        let (batch, time) = (segment.index.max_timestamp_batch, segment.index.max_timestamp);
        let mut found = None;
        segment.walk(segment.index.position_of(batch), |position, header| {
            found = (header.base_offset >= batch).then_some((position, *header));
            found.is_none()
        })?;
        let Some((position, header)) = found else { return Ok(Some((batch, time))) };
        let exact = inside(segment, position, &header, |_, at| at == time)?;
        Ok(exact.or(Some((header.last_offset(), time))))
    }
}

/// The first record of a batch that is `wanted`, by offset and timestamp.
fn inside(
    segment: &Segment,
    position: u32,
    header: &Header,
    wanted: impl Fn(i64, i64) -> bool,
) -> io::Result<Option<(i64, i64)>> {
    let batch = segment.bytes(position, header.size)?;
    if batch.len() < HEADER {
        return Ok(None);
    }
    let Ok(body) = record::body(header, &batch, UNPACKED) else { return Ok(None) };
    let time = |delta: i64| {
        if header.is_append_time() || header.has_delete_horizon() {
            header.max_timestamp
        } else {
            header.base_timestamp.saturating_add(delta)
        }
    };
    Ok(Records::plain(&body)
        .map_while(Result::ok)
        .map(|r| (header.base_offset + i64::from(r.offset_delta), time(r.timestamp_delta)))
        .find(|(offset, at)| wanted(*offset, *at)))
}
