//! Where a segment's batches are, by offset and by time: about one of them in every 8 KiB at its end, where most
//! readers are, and in every 64 KiB before that, since all of it is in memory.

use super::batch::Header;

/// Bytes of log between two entries, of which the last ones are this near.
const EVERY: u32 = 8 << 10;
const NEAR: usize = 64;

/// Bytes between two of the others.
const FAR: u32 = 64 << 10;

/// A batch: where it is, and the greatest timestamp before or in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    pub(crate) position: u32,
    pub(crate) max_timestamp: i64,
}

/// The index of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// The greatest timestamp of the segment, and the base offset of the batch that has it.
    pub(crate) max_timestamp: i64,
    pub(crate) max_timestamp_batch: i64,
}

impl Default for Index {
    fn default() -> Index {
        Index { entries: Vec::new(), max_timestamp: -1, max_timestamp_batch: -1 }
    }
}

impl Index {
    /// Notes a batch that was appended at `position`.
    pub(crate) fn push(&mut self, header: &Header, position: u32) {
        if header.max_timestamp > self.max_timestamp && !header.is_control() {
            self.max_timestamp = header.max_timestamp;
            self.max_timestamp_batch = header.base_offset;
        }
        if self.entries.last().is_none_or(|last| position - last.position >= EVERY) {
            let max_timestamp = self.max_timestamp;
            self.entries.push(Entry { offset: header.base_offset, position, max_timestamp });
            self.thin();
        }
    }

    /// The entry that is no longer one of the last stays if it is far enough from the one before it.
    fn thin(&mut self) {
        if let Some(at @ 1..) = self.entries.len().checked_sub(NEAR)
            && self.entries[at].position - self.entries[at - 1].position < FAR
        {
            self.entries.remove(at);
        }
    }

    /// Where to begin to look for an offset.
    pub(crate) fn position_of(&self, offset: i64) -> u32 {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        after.checked_sub(1).map_or(0, |index| self.entries[index].position)
    }

    /// The last place it knows at `position` or before.
    pub(crate) fn position_before(&self, position: u32) -> u32 {
        let after = self.entries.partition_point(|entry| entry.position <= position);
        after.checked_sub(1).map_or(0, |index| self.entries[index].position)
    }

    /// Where to begin to look for the first batch with a timestamp of `time` or later.
    pub(crate) fn position_of_time(&self, time: i64) -> u32 {
        let reached = self.entries.partition_point(|entry| entry.max_timestamp < time);
        reached.checked_sub(1).map_or(0, |index| self.entries[index].position)
    }

    /// For the disk, with a checksum and the segment's size and end.
    pub(crate) fn encode(&self, size: u32, end: i64) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.entries.len() * 24);
        out.extend(size.to_be_bytes());
        out.extend(end.to_be_bytes());
        out.extend(self.max_timestamp.to_be_bytes());
        out.extend(self.max_timestamp_batch.to_be_bytes());
        for entry in &self.entries {
            out.extend(entry.offset.to_be_bytes());
            out.extend(u64::from(entry.position).to_be_bytes());
            out.extend(entry.max_timestamp.to_be_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend(crc.to_be_bytes());
        out
    }

    /// From the disk: the index, the size of the segment it describes, and its end; none if the
    /// bytes are not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Index, u32, i64)> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let (size, rest) = body.split_first_chunk::<4>()?;
        let (numbers, rest) = rest.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|number| i64::from_be_bytes(*number));
        let (end, max_timestamp) = (numbers.next()?, numbers.next()?);
        let max_timestamp_batch = numbers.next()?;
        let mut entries = Vec::new();
        while let Some(offset) = numbers.next() {
            let position = u32::try_from(numbers.next()?).ok()?;
            entries.push(Entry { offset, position, max_timestamp: numbers.next()? });
        }
        let index = Index { entries, max_timestamp, max_timestamp_batch };
        rest.is_empty().then_some((index, u32::from_be_bytes(*size), end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::marker;

    fn index() -> Index {
        let mut index = Index::default();
        for number in 0..100_i64 {
            let mut header = Header::read(&marker::write(1, 0, true, 0, number * 10)).unwrap();
            header.attributes = 0;
            header.base_offset = number * 5;
            index.push(&header, number as u32 * 1_500);
        }
        index
    }

    #[test]
    fn an_offset_is_looked_for_at_or_before_its_batch() {
        let index = index();
        assert_eq!(index.entries.len(), 17);
        for offset in 0..500 {
            let position = index.position_of(offset);
            let exact = (offset / 5) as u32 * 1_500;
            assert!(position <= exact && exact - position < 9_000, "{offset}: {position}");
        }
    }

    #[test]
    fn a_time_is_looked_for_before_its_batch() {
        let index = index();
        for time in 0..1_000_i64 {
            let exact = ((time + 9) / 10) as u32 * 1_500;
            assert!(index.position_of_time(time) <= exact, "{time}");
        }
        assert_eq!((index.max_timestamp, index.max_timestamp_batch), (990, 495));
    }

    #[test]
    fn far_from_the_end_it_is_thin() {
        let mut index = Index::default();
        for number in 0..100_000_i64 {
            let mut header = Header::read(&marker::write(1, 0, true, 0, number * 10)).unwrap();
            header.base_offset = number;
            index.push(&header, number as u32 * 1_000);
        }
        assert!((1_400..1_600).contains(&index.entries.len()), "{}", index.entries.len());
        for offset in 0..100_000 {
            let (position, exact) = (index.position_of(offset), offset as u32 * 1_000);
            let most = if offset < 99_500 { 74_000 } else { 9_000 };
            assert!(position <= exact && exact - position < most, "{offset}: {position}");
        }
    }

    #[test]
    fn it_comes_back_from_disk_or_not_at_all() {
        let bytes = index().encode(77, 500);
        assert_eq!(Index::decode(&bytes), Some((index(), 77, 500)));
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[position] ^= 0x10;
            assert_eq!(Index::decode(&bad), None, "byte {position}");
            assert_eq!(Index::decode(&bytes[..position]), None, "cut at {position}");
        }
    }
}
