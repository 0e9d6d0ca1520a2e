//! Compaction: of each key the last record stays. Sealed segments are written anew, one by one, on
//! a thread that may block; then they take the old ones' places.

use super::aborted::Aborted;
use super::batch::{HEADER, Header, seal};
use super::place::Place;
use super::record::{self, Records};
use super::segment::Segment;
use super::{Log, Settings};
use bytes::BytesMut;
use rustc_hash::FxHashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;

/// The most a batch may unpack to.
const UNPACKED: usize = 256 << 20;

/// What is to be compacted.
#[derive(Debug)]
pub(crate) struct Plan {
    place: Place,
    settings: Settings,
    segments: Vec<Segment>,
    aborted: Aborted,
    now: i64,
}

/// Segments written anew: for each the base of the old one, and the new one if anything is left.
#[derive(Debug)]
pub(crate) struct Compacted(Vec<(i64, u32, Option<Segment>)>);

impl Log {
    /// What there is to compact, if it is worth it: sealed segments without open transactions.
    pub(crate) fn plan_compaction(&self, now: i64) -> Option<Plan> {
        let stable = self.stable_end();
        let settings = &self.settings;
        let sealed = &self.segments[..self.segments.len() - 1];
        let ready = sealed.iter().take_while(|segment| {
            segment.end <= stable
                && now.saturating_sub(segment.index.max_timestamp) >= settings.min_compaction_lag_ms
        });
        let segments: Vec<_> = ready.cloned().collect();
        let all: u64 = segments.iter().map(|segment| u64::from(segment.size)).sum();
        let dirty = segments.iter().filter(|segment| segment.cleaned.is_none());
        let new: u64 = dirty.clone().map(|segment| u64::from(segment.size)).sum();
        let overdue = dirty.into_iter().any(|segment| {
            now.saturating_sub(segment.index.max_timestamp) >= settings.max_compaction_lag_ms
        });
        let expired = segments.iter().any(|segment| {
            segment.removable && segment.is_cleaned_before(now - settings.delete_retention_ms)
        });
        let worth = new > 0 && new as f64 >= all as f64 * settings.min_dirty_ratio;
        (settings.compact && (worth || overdue || expired)).then(|| Plan {
            place: self.place.clone(),
            settings: settings.clone(),
            segments,
            aborted: self.aborted.clone(),
            now,
        })
    }

    /// Puts new segments in the places of those they were made from; whoever was deleted meanwhile
    /// stays deleted.
    pub(crate) fn take_compacted(&mut self, compacted: Compacted) -> io::Result<()> {
        for (base, size, new) in compacted.0 {
            let old = self.segments.iter().position(|s| s.base == base && s.size == size);
            match (old, new) {
                (Some(at), Some(mut new)) => {
                    new.replace(&self.segments[at])?;
                    self.segments[at] = new;
                }
                (Some(at), None) => super::retention::remove(vec![self.segments.remove(at)]),
                (None, Some(new)) => new.discard(),
                (None, None) => {}
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Does it; blocks.
    pub(crate) fn run(self) -> io::Result<Compacted> {
        let latest = self.latest()?;
        let mut all = Vec::with_capacity(self.segments.len());
        // Producers with records that stay need the marker that comes after them.
        let mut open = FxHashMap::default();
        for (number, segment) in self.segments.iter().enumerate() {
            let last = number + 1 == self.segments.len();
            match self.rewrite(segment, &latest, &mut open, last) {
                Ok(new) => all.push((segment.base, segment.size, new)),
                Err(error) => {
                    all.into_iter().filter_map(|(_, _, new)| new).for_each(Segment::discard);
                    return Err(error);
                }
            }
        }
        Ok(Compacted(all))
    }

    /// The offset of each key's last record.
    fn latest(&self) -> io::Result<Latest> {
        let mut latest = Latest::default();
        for segment in &self.segments {
            self.each(segment, |header, batch| {
                if header.is_control() || self.is_aborted(header) {
                    return Ok(());
                }
                let body = unpack(header, batch)?;
                for record in Records::plain(&body) {
                    let record = record.map_err(|_| garbled())?;
                    if let Some(key) = record.key {
                        latest.note(key, header.base_offset + i64::from(record.offset_delta));
                    }
                }
                Ok(())
            })?;
        }
        Ok(latest)
    }

    /// Writes a segment anew with what stays; none if nothing does.
    fn rewrite(
        &self,
        segment: &Segment,
        latest: &Latest,
        open: &mut FxHashMap<i64, bool>,
        last: bool,
    ) -> io::Result<Option<Segment>> {
        let mut new = Segment::draft(&self.place, segment)?;
        new.cleaned = segment.cleaned.or(Some(self.now));
        let expired = segment.is_cleaned_before(self.now - self.settings.delete_retention_ms);
        let written = self.each(segment, |header, batch| {
            // Readers must be able to reach the end.
            let end = last && header.last_offset() + 1 == segment.end;
            if header.is_control() {
                let needed = open.remove(&header.producer_id).unwrap_or(false);
                let stays = needed || !expired || end;
                new.removable |= !needed && stays && !end;
                return if stays { new.append(header, batch) } else { Ok(()) };
            }
            if self.is_aborted(header) && !end {
                return Ok(());
            }
            let kept = match self.keep(header, batch, latest, expired, &mut new.removable)? {
                Kept::All => new.append(header, batch).map(|()| true)?,
                Kept::Some(rest) => {
                    let header = Header::read(&rest).map_err(|_| garbled())?;
                    new.append(&header, &rest).map(|()| true)?
                }
                Kept::Nothing if end => new.append(header, batch).map(|()| true)?,
                Kept::Nothing => false,
            };
            if header.is_transactional() {
                *open.entry(header.producer_id).or_default() |= kept;
            }
            Ok(())
        });
        new.end = segment.end;
        let force = |()| if new.path.is_some() { new.file()?.sync_data() } else { Ok(()) };
        let forced = written.and_then(force);
        if forced.is_err() || new.size == 0 {
            new.discard();
            return forced.map(|()| None);
        }
        Ok(Some(new))
    }

    /// What stays of a batch.
    fn keep(
        &self,
        header: &Header,
        batch: &[u8],
        latest: &Latest,
        expired: bool,
        removable: &mut bool,
    ) -> io::Result<Kept> {
        let body = unpack(header, batch)?;
        let (mut rest, mut count, mut all) = (BytesMut::from(&batch[..HEADER]), 0, true);
        for record in Records::plain(&body) {
            let record = record.map_err(|_| garbled())?;
            let offset = header.base_offset + i64::from(record.offset_delta);
            let newest = record.key.is_some_and(|key| latest.is(key, offset));
            let tombstone = record.value.is_none();
            let stays = newest && !(tombstone && expired);
            *removable |= stays && tombstone;
            if stays {
                rest.extend_from_slice(record.bytes);
                count += 1;
            } else {
                all = false;
            }
        }
        if all {
            return Ok(Kept::All);
        }
        if count == 0 {
            return Ok(Kept::Nothing);
        }
        // What stays is not packed again.
        let attributes = header.attributes & !0b111;
        rest[21..23].copy_from_slice(&attributes.to_be_bytes());
        rest[57..61].copy_from_slice(&i32::to_be_bytes(count));
        seal(&mut rest);
        Ok(Kept::Some(rest))
    }

    fn is_aborted(&self, header: &Header) -> bool {
        header.is_transactional() && self.aborted.contains(header.producer_id, header.base_offset)
    }

    fn each(
        &self,
        segment: &Segment,
        mut each: impl FnMut(&Header, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut position = 0;
        while position < segment.size {
            let head = segment.bytes(position, HEADER)?;
            let header = Header::read(&head).map_err(|_| garbled())?;
            let batch = segment.bytes(position, header.size)?;
            Header::check(&batch).map_err(|_| garbled())?;
            each(&header, &batch)?;
            position += header.size as u32;
        }
        Ok(())
    }
}

enum Kept {
    All,
    Some(BytesMut),
    Nothing,
}

/// Keys by two hashes of 64 bits: nobody can make two keys meet.
#[derive(Default)]
struct Latest {
    one: RandomState,
    two: RandomState,
    offsets: FxHashMap<(u64, u64), i64>,
}

impl Latest {
    fn note(&mut self, key: &[u8], offset: i64) {
        let hash = (self.one.hash_one(key), self.two.hash_one(key));
        self.offsets.insert(hash, offset);
    }

    fn is(&self, key: &[u8], offset: i64) -> bool {
        self.offsets.get(&(self.one.hash_one(key), self.two.hash_one(key))) == Some(&offset)
    }
}

fn unpack<'b>(header: &Header, batch: &'b [u8]) -> io::Result<std::borrow::Cow<'b, [u8]>> {
    record::body(header, batch, UNPACKED).map_err(|_| garbled())
}

fn garbled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a batch cannot be read")
}
