//! What a stage is given: one record of its input.

use crate::core::Partition;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use std::hash::{Hash, Hasher};

/// One record: bytes as Kafka has them. `None` and empty are different things.
///
/// ```
/// use stage_sdk::{Decode, Json, Record};
///
/// let record = Record { key: Some(b"17"), value: Some(b"3"), ..Record::default() };
/// let Json(pizzas) = Json::<u64>::decode(record).unwrap();
/// assert_eq!(pizzas, 3);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'r> {
    /// The key; records of one key keep their order.
    pub key: Option<&'r [u8]>,
    /// The value; none: a tombstone.
    pub value: Option<&'r [u8]>,
    /// The headers, packed.
    pub headers: &'r [u8],
    /// The record's time, in milliseconds since the epoch; -1: it has none.
    pub time: i64,
    /// The partition it came from.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

impl Record<'_> {
    /// The bytes of its key and its value.
    pub(crate) fn len(&self) -> usize {
        self.value.map_or(0, <[u8]>::len) + self.key.map_or(0, <[u8]>::len)
    }
}

/// Headers are kept packed, one after the other: the name's length, the value's length (all ones:
/// null), name, value.
#[derive(Clone, Debug)]
pub struct Headers<'r>(&'r [u8]);

impl<'r> Headers<'r> {
    /// Reads what [`pack`] wrote.
    pub fn new(packed: &'r [u8]) -> Headers<'r> {
        Headers(packed)
    }
}

impl<'r> Iterator for Headers<'r> {
    type Item = (&'r str, Option<&'r [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name_len, rest) = self.0.split_first_chunk::<4>()?;
        let (value_len, rest) = rest.split_first_chunk::<4>()?;
        let value_len = u32::from_le_bytes(*value_len);
        let (name, rest) = rest.split_at_checked(u32::from_le_bytes(*name_len) as usize)?;
        let known = if value_len == u32::MAX { 0 } else { value_len as usize };
        let (value, rest) = rest.split_at_checked(known)?;
        self.0 = rest;
        Some((std::str::from_utf8(name).ok()?, (value_len != u32::MAX).then_some(value)))
    }
}

/// Appends one header in packed form.
///
/// ```
/// use stage_sdk::record::{Headers, pack};
///
/// let mut packed = Vec::new();
/// pack(&mut packed, "language", Some(b"it"));
/// pack(&mut packed, "draft", None);
/// let headers: Vec<_> = Headers::new(&packed).collect();
/// assert_eq!(headers, [("language", Some(&b"it"[..])), ("draft", None)]);
/// ```
pub fn pack(packed: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    packed.extend((name.len() as u32).to_le_bytes());
    packed.extend(value.map_or(u32::MAX, |value| value.len() as u32).to_le_bytes());
    packed.extend(name.as_bytes());
    packed.extend(value.unwrap_or_default());
}

/// A message as a record; its headers are packed into `headers`, whose old content is dropped.
pub(crate) fn of<'r>(message: &'r BorrowedMessage<'_>, headers: &'r mut Vec<u8>) -> Record<'r> {
    headers.clear();
    if let Some(all) = message.headers() {
        for header in all.iter() {
            pack(headers, header.key, header.value);
        }
    }
    Record {
        key: message.key(),
        value: message.payload(),
        headers,
        time: message.timestamp().to_millis().unwrap_or(-1),
        partition: message.partition(),
        offset: message.offset(),
    }
}

/// Hash of a key within its partition. The same in every process: what is parked is found again.
pub(crate) fn hash(partition: Partition, key: &[u8]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    (partition, key).hash(&mut hasher);
    hasher.finish()
}

/// A record that outlives its message: one that waits, or whose handler is async.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
    time: i64,
    partition: i32,
    offset: i64,
}

impl Kept {
    pub(crate) fn of(record: &Record<'_>) -> Kept {
        Kept {
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.to_vec(),
            time: record.time,
            partition: record.partition,
            offset: record.offset,
        }
    }

    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
            time: self.time,
            partition: self.partition,
            offset: self.offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_headers_come_back_in_order_with_nulls_and_repeats() {
        let mut packed = Vec::new();
        let all = [("a", Some(&b"1"[..])), ("", None), ("a", Some(b""))];
        for (name, value) in all {
            pack(&mut packed, name, value);
        }
        assert_eq!(Headers::new(&packed).collect::<Vec<_>>(), all);
    }
}
