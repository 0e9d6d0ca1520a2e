//! A record batch as it comes off the wire: its header read, its promises checked. What is inside
//! stays as it came.

use bytes::{Bytes, BytesMut};

/// Bytes of a batch's header, up to and with its record count.
pub(crate) const HEADER: usize = 61;

/// Bytes that the length field does not count: base offset and the field itself.
const BEFORE_LENGTH: usize = 12;

/// Where the checksum begins to count.
const CHECKED_FROM: usize = 21;

const COMPRESSION: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// What a batch says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base_offset: i64,
    /// Of the whole batch, header and all.
    pub(crate) size: usize,
    pub(crate) crc: u32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) count: i32,
}

/// Why bytes are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// They end before the batch does.
    Short,
    /// The length cannot be one.
    Length,
    /// A format before version 2, or after.
    Magic(i8),
    /// The checksum is another.
    Crc,
    /// Offsets, sequence or record count contradict each other.
    Contradiction,
}

impl Header {
    /// Reads the header at the front of `bytes`; checks sizes, not the checksum.
    pub(crate) fn read(bytes: &[u8]) -> Result<Header, Invalid> {
        let head: &[u8; HEADER] = bytes.first_chunk().ok_or(Invalid::Short)?;
        let length = i32::from_be_bytes(at(head, 8));
        let size = usize::try_from(length).map_err(|_| Invalid::Length)? + BEFORE_LENGTH;
        let magic = head[16] as i8;
        if magic != 2 {
            return Err(Invalid::Magic(magic));
        }
        if size < HEADER {
            return Err(Invalid::Length);
        }
        Ok(Header {
            base_offset: i64::from_be_bytes(at(head, 0)),
            size,
            crc: u32::from_be_bytes(at(head, 17)),
            attributes: i16::from_be_bytes(at(head, 21)),
            last_offset_delta: i32::from_be_bytes(at(head, 23)),
            base_timestamp: i64::from_be_bytes(at(head, 27)),
            max_timestamp: i64::from_be_bytes(at(head, 35)),
            producer_id: i64::from_be_bytes(at(head, 43)),
            producer_epoch: i16::from_be_bytes(at(head, 51)),
            base_sequence: i32::from_be_bytes(at(head, 53)),
            count: i32::from_be_bytes(at(head, 57)),
        })
    }

    /// Reads the header, and checks that the whole batch is there and what was written.
    pub(crate) fn check(bytes: &[u8]) -> Result<Header, Invalid> {
        let header = Header::read(bytes)?;
        let batch = bytes.get(..header.size).ok_or(Invalid::Short)?;
        if crc32c::crc32c(&batch[CHECKED_FROM..]) != header.crc {
            return Err(Invalid::Crc);
        }
        if header.last_offset_delta < 0 || header.count < 0 || header.base_offset < 0 {
            return Err(Invalid::Contradiction);
        }
        Ok(header)
    }

    /// The offset of the last record.
    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The sequence number of the last record; after the largest comes 0.
    pub(crate) fn last_sequence(&self) -> i32 {
        sequence_after(self.base_sequence, self.last_offset_delta)
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    pub(crate) fn is_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// The base timestamp is no timestamp, but when tombstones and markers may go.
    pub(crate) fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON != 0
    }

    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn codec(&self) -> i16 {
        self.attributes & COMPRESSION
    }
}

/// A sequence number `delta` after `sequence`.
pub(crate) fn sequence_after(sequence: i32, delta: i32) -> i32 {
    ((i64::from(sequence) + i64::from(delta)) & i64::from(i32::MAX)) as i32
}

/// Says whose time a batch has, the broker's or its producer's, and the greatest of its timestamps:
/// in its attributes, its header and its checksum.
pub(crate) fn with_time(batch: &Bytes, append_time: bool, greatest: i64) -> Bytes {
    let mut copy = BytesMut::from(&batch[..]);
    let rest = i16::from_be_bytes(at(&copy, 21)) & !LOG_APPEND_TIME;
    let attributes = if append_time { rest | LOG_APPEND_TIME } else { rest };
    copy[21..23].copy_from_slice(&attributes.to_be_bytes());
    copy[35..43].copy_from_slice(&greatest.to_be_bytes());
    seal(&mut copy);
    copy.freeze()
}

/// The offset of the last record of whole batches.
pub(crate) fn last_offset(batches: &[u8]) -> Option<i64> {
    let (mut left, mut last) = (batches, None);
    while let Ok(header) = Header::read(left) {
        last = Some(header.last_offset());
        left = left.get(header.size..)?;
    }
    last
}

/// Writes length and checksum of a batch that is otherwise whole.
pub(crate) fn seal(batch: &mut BytesMut) {
    let length = (batch.len() - BEFORE_LENGTH) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CHECKED_FROM..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// `N` bytes from `from`; the caller has checked that they are there.
pub(crate) fn at<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[from..from + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::marker;

    #[test]
    fn a_flipped_bit_is_found_wherever_the_checksum_counts() {
        let batch = marker::write(7, 1, true, 0, 1_000);
        assert!(Header::check(&batch).is_ok());
        for position in CHECKED_FROM..batch.len() {
            let mut bad = batch.to_vec();
            bad[position] ^= 1;
            assert_eq!(Header::check(&bad), Err(Invalid::Crc), "byte {position}");
        }
    }

    #[test]
    fn a_cut_batch_is_short_at_every_length() {
        let batch = marker::write(7, 1, true, 0, 1_000);
        for length in 0..batch.len() {
            assert_eq!(Header::check(&batch[..length]), Err(Invalid::Short), "{length} bytes");
        }
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
        assert_eq!(sequence_after(5, 4), 9);
    }

    #[test]
    fn whose_time_it_is_stands_in_the_checksum() {
        let batch = with_time(&marker::write(7, 1, true, 0, 1_000), true, 2_000);
        let header = Header::check(&batch).unwrap();
        assert_eq!((header.is_append_time(), header.max_timestamp), (true, 2_000));
        let header = Header::check(&with_time(&batch, false, 1_000)).unwrap();
        assert_eq!((header.is_append_time(), header.max_timestamp), (false, 1_000));
    }
}
