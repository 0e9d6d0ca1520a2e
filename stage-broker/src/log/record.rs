//! The records inside a batch, read in place.

use super::batch::{HEADER, Header};
use super::codec;
use std::borrow::Cow;

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'b> {
    /// All of its bytes, its length in front.
    pub(crate) bytes: &'b [u8],
    pub(crate) timestamp_delta: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<&'b [u8]>,
    /// None: a tombstone.
    pub(crate) value: Option<&'b [u8]>,
    /// How many there are, and they.
    headers: &'b [u8],
}

impl Record<'_> {
    /// Whether its headers can be read, and nothing comes after them.
    pub(crate) fn is_whole(&self) -> bool {
        let mut left = self.headers;
        let Some(count) = varint(&mut left).filter(|count| *count >= 0) else { return false };
        let header = |left: &mut &[u8]| slice(left).flatten().and_then(|_| slice(left)).is_some();
        (0..count).all(|_| header(&mut left)) && left.is_empty()
    }
}

/// The bytes are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Garbled;

/// The uncompressed records of a batch, at most `limit` bytes of them.
pub(crate) fn body<'b>(
    header: &Header,
    batch: &'b [u8],
    limit: usize,
) -> Result<Cow<'b, [u8]>, Garbled> {
    let body = batch.get(HEADER..header.size).ok_or(Garbled)?;
    codec::decompress(header.codec(), body, limit)
}

/// Walks over records.
pub(crate) struct Records<'b> {
    left: &'b [u8],
}

impl<'b> Records<'b> {
    /// Over uncompressed records.
    pub(crate) fn plain(body: &'b [u8]) -> Records<'b> {
        Records { left: body }
    }
}

impl<'b> Iterator for Records<'b> {
    type Item = Result<Record<'b>, Garbled>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() {
            return None;
        }
        let record = read(&mut self.left);
        if record.is_none() {
            self.left = &[];
        }
        Some(record.ok_or(Garbled))
    }
}

fn read<'b>(left: &mut &'b [u8]) -> Option<Record<'b>> {
    let whole = *left;
    let length = usize::try_from(varint(left)?).ok()?;
    let mut inside = left.get(..length)?;
    *left = left.get(length..)?;
    let bytes = &whole[..whole.len() - left.len()];
    let (_attributes, rest) = inside.split_first()?;
    inside = rest;
    let timestamp_delta = varint(&mut inside)?;
    let offset_delta = i32::try_from(varint(&mut inside)?).ok()?;
    let key = slice(&mut inside)?;
    let value = slice(&mut inside)?;
    Some(Record { bytes, timestamp_delta, offset_delta, key, value, headers: inside })
}

/// A length and that many bytes; a negative length is none.
fn slice<'b>(left: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    let Ok(length) = usize::try_from(varint(left)?) else { return Some(None) };
    let bytes = left.get(..length)?;
    *left = &left[length..];
    Some(Some(bytes))
}

/// A zigzag number of up to ten bytes.
fn varint(left: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u64;
    for (index, &byte) in left.iter().enumerate().take(10) {
        raw |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *left = &left[index + 1..];
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbled_bytes_end_the_walk() {
        for bytes in [&[0x80_u8; 12][..], &[40, 0, 0], &[2], &[0x01, 0x01]] {
            let read: Vec<_> = Records::plain(bytes).collect();
            assert_eq!(read, [Err(Garbled)], "{bytes:?}");
        }
    }

    #[test]
    fn a_record_without_key_or_value_is_read() {
        let bytes = [12, 0, 2, 4, 1, 1, 0];
        let records: Vec<_> = Records::plain(&bytes).collect();
        let record = records[0].unwrap();
        assert_eq!((record.key, record.value), (None, None));
        assert_eq!((record.timestamp_delta, record.offset_delta), (1, 2));
        assert_eq!(record.bytes, bytes);
        assert!(record.is_whole());
    }

    #[test]
    fn headers_must_be_all_there_and_nothing_after_them() {
        let good = [&[0][..], &[2, 2, b'k', 1], &[2, 2, b'k', 2, b'v'], &[4, 0, 0, 0, 1]];
        let bad = [&[][..], &[2], &[1], &[0, 0], &[2, 1, 1], &[2, 2, b'k'], &[2, 2, b'k', 4, b'v']];
        for (headers, whole) in good.map(|h| (h, true)).into_iter().chain(bad.map(|h| (h, false))) {
            let inside = [&[0, 0, 0, 1, 1][..], headers].concat();
            let bytes = [&[inside.len() as u8 * 2][..], &inside].concat();
            let record = Records::plain(&bytes).next().unwrap().unwrap();
            assert_eq!(record.is_whole(), whole, "{headers:?}");
        }
    }
}
