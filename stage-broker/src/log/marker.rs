//! The batch that ends a transaction in a partition: committed, or aborted.

use super::batch::{HEADER, seal};
use super::record;
use bytes::{BufMut, Bytes, BytesMut};

const TRANSACTIONAL_CONTROL: i16 = (1 << 4) | (1 << 5);

/// Writes the marker of a producer's transaction.
pub(crate) fn write(
    producer: i64,
    epoch: i16,
    committed: bool,
    coordinator_epoch: i32,
    now: i64,
) -> Bytes {
    let mut batch = BytesMut::with_capacity(HEADER + 17);
    batch.put_i64(0); // base offset
    batch.put_i32(0); // length
    batch.put_i32(0); // leader epoch
    batch.put_i8(2);
    batch.put_u32(0); // checksum
    batch.put_i16(TRANSACTIONAL_CONTROL);
    batch.put_i32(0); // last offset delta
    batch.put_i64(now);
    batch.put_i64(now);
    batch.put_i64(producer);
    batch.put_i16(epoch);
    batch.put_i32(-1); // no sequence
    batch.put_i32(1);
    batch.put_i8(16 << 1); // the record's length
    batch.put_i8(0); // attributes
    batch.put_i8(0); // timestamp delta
    batch.put_i8(0); // offset delta
    batch.put_i8(4 << 1); // the key's length
    batch.put_i16(0);
    batch.put_i16(i16::from(committed));
    batch.put_i8(6 << 1); // the value's length
    batch.put_i16(0);
    batch.put_i32(coordinator_epoch);
    batch.put_i8(0); // no headers
    seal(&mut batch);
    batch.freeze()
}

/// Whether a control batch commits; none: it is no end of a transaction.
pub(crate) fn commits(batch: &[u8]) -> Option<bool> {
    let record = record::Records::plain(batch.get(HEADER..)?).next()?.ok()?;
    let key = record.key?;
    match i16::from_be_bytes(*key.get(2..)?.first_chunk()?) {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The coordinator's epoch that a marker carries.
pub(crate) fn coordinator_epoch(batch: &[u8]) -> Option<i32> {
    let record = record::Records::plain(batch.get(HEADER..)?).next()?.ok()?;
    Some(i32::from_be_bytes(*record.value?.get(2..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::batch::Header;

    #[test]
    fn a_marker_says_what_was_decided() {
        for committed in [true, false] {
            let batch = write(42, 3, committed, 9, 1_000);
            let header = Header::check(&batch).unwrap();
            assert!(header.is_control() && header.is_transactional());
            assert_eq!((header.producer_id, header.producer_epoch), (42, 3));
            assert_eq!(commits(&batch), Some(committed));
            assert_eq!(coordinator_epoch(&batch), Some(9));
        }
    }
}
