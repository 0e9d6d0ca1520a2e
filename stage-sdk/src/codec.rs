//! Bytes to your type and back. Bytes that do not decode are a Reject: no retry mends them.

use crate::context::Emit;
use crate::failure::{Failure, OrFail, Result};
use crate::record::Record;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::str::FromStr;

/// What a stage may take: built from a record, borrowing from it where it likes.
pub trait Decode<'r>: Sized {
    /// Builds the value.
    ///
    /// # Errors
    /// The record has another shape; by convention a [`Reject`](crate::Kind::Reject).
    fn decode(record: Record<'r>) -> Result<Self>;
}

/// What a stage may return: none, one or many records.
///
/// Key, headers and time of the input are the output's, unless the output sets its own.
pub trait Output {
    /// Writes the records.
    ///
    /// # Errors
    /// The value cannot be encoded; by convention a [`Reject`](crate::Kind::Reject).
    fn write(self, emit: &mut Emit<'_>) -> Result<()>;
}

/// A value in JSON. A tombstone is rejected; take `Option<Json<T>>` to be given it as `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<'r, T: Deserialize<'r>> Decode<'r> for Json<T> {
    fn decode(record: Record<'r>) -> Result<Self> {
        let value = record.value.ok_or_else(tombstone)?;
        serde_json::from_slice(value).map(Json).or_reject()
    }
}

impl<T: Serialize> Output for Json<T> {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        emit.value(|bytes| serde_json::to_writer(bytes, &self.0).or_reject())
    }
}

/// The value's bytes as they are. A tombstone is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes<T>(pub T);

impl<'r> Decode<'r> for Bytes<&'r [u8]> {
    fn decode(record: Record<'r>) -> Result<Self> {
        record.value.map(Bytes).ok_or_else(tombstone)
    }
}

impl<'r> Decode<'r> for Bytes<Vec<u8>> {
    fn decode(record: Record<'r>) -> Result<Self> {
        record.value.map(|value| Bytes(value.to_vec())).ok_or_else(tombstone)
    }
}

impl<T: AsRef<[u8]>> Output for Bytes<T> {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        emit.value(|bytes| {
            bytes.extend_from_slice(self.0.as_ref());
            Ok(())
        })
    }
}

/// The record itself, tombstones and missing keys included.
impl<'r> Decode<'r> for Record<'r> {
    fn decode(record: Record<'r>) -> Result<Self> {
        Ok(record)
    }
}

/// A tombstone is `None`.
impl<'r, T: Decode<'r>> Decode<'r> for Option<T> {
    fn decode(record: Record<'r>) -> Result<Self> {
        record.value.map(|_| T::decode(record)).transpose()
    }
}

/// The key as text, parsed, and the value. As an output it sets the key. A record without a key,
/// or whose key does not parse, is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed<K, V>(pub K, pub V);

impl<'r, K: FromStr, V: Decode<'r>> Decode<'r> for Keyed<K, V>
where
    K::Err: Into<anyhow::Error>,
{
    fn decode(record: Record<'r>) -> Result<Self> {
        let key = record.key.ok_or_else(|| Failure::no_key("the record has no key"))?;
        let key = std::str::from_utf8(key).or_reject()?.parse().or_reject()?;
        Ok(Keyed(key, V::decode(record)?))
    }
}

impl<K: Display, V: Output> Output for Keyed<K, V> {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        self.1.write(&mut emit.with_key(Some(self.0.to_string().as_bytes())))
    }
}

/// Writes a tombstone: the key's end, for whoever compacts or keeps a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delete;

impl Output for Delete {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        emit.tombstone();
        Ok(())
    }
}

/// Nothing: the record is filtered, and its offset is committed.
impl Output for () {
    fn write(self, _: &mut Emit<'_>) -> Result<()> {
        Ok(())
    }
}

/// `None`: the record is filtered.
impl<T: Output> Output for Option<T> {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        self.map_or(Ok(()), |output| output.write(emit))
    }
}

/// One after the other, in order.
impl<T: Output> Output for Vec<T> {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        self.into_iter().try_for_each(|output| output.write(emit))
    }
}

fn tombstone() -> Failure {
    Failure::reject("the record is a tombstone; a stage that wants them takes Option<…>")
}
