//! Bytes to your type and back. Bytes that do not decode are a Reject: no retry mends them.

use crate::context::Emit;
use crate::failure::{Failure, OrFail, Result};
use crate::record::Record;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::str::FromStr;

/// What a stage may take: built from a record, borrowing from it where it likes.
///
/// ```
/// use stage_sdk::record::Record;
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Decode, OrFail, Result};
///
/// struct Celsius(f64);
///
/// impl Decode<'_> for Celsius {
///     fn decode(record: Record<'_>) -> Result<Self> {
///         let text = std::str::from_utf8(record.value.unwrap_or_default()).or_reject()?;
///         Ok(Celsius(text.parse().or_reject()?))
///     }
/// }
///
/// fn fahrenheit(Celsius(degrees): Celsius, _: &Context) -> Result<Bytes<String>> {
///     Ok(Bytes(format!("{:.1}", degrees * 1.8 + 32.0)))
/// }
///
/// let mut test = Test::of(fahrenheit);
/// test.given("oven", "220");
/// test.given("oven", "hot");
/// test.then_output("oven", "428.0");
/// test.then_dead_letter("oven", "deserialization");
/// ```
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
///
/// ```
/// use serde_json::{Value, json};
/// use stage_sdk::context::Emit;
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Context, Json, Output, Result};
///
/// /// An order, and a tombstone where it is cancelled.
/// enum Order { Placed(u64), Cancelled }
///
/// impl Output for Order {
///     fn write(self, emit: &mut Emit<'_>) -> Result<()> {
///         match self {
///             Order::Placed(count) => Json(json!({ "count": count })).write(emit),
///             Order::Cancelled => stage_sdk::Delete.write(emit),
///         }
///     }
/// }
///
/// fn order(Json(count): Json<u64>, _: &Context) -> Result<Order> {
///     Ok(if count == 0 { Order::Cancelled } else { Order::Placed(count) })
/// }
///
/// let mut test = Test::of(order);
/// test.given("4711", "3");
/// test.given("4711", "0");
/// test.then_output("4711", r#"{"count":3}"#);
/// assert_eq!(test.outputs()[0].value, None);
/// ```
pub trait Output {
    /// Writes the records.
    ///
    /// # Errors
    /// The value cannot be encoded; by convention a [`Reject`](crate::Kind::Reject).
    fn write(self, emit: &mut Emit<'_>) -> Result<()>;
}

/// A value in JSON. A tombstone is rejected; take `Option<Json<T>>` to be given it as `None`.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Context, Json, Result};
///
/// fn double(input: Option<Json<u64>>, _: &Context) -> Result<Option<Json<u64>>> {
///     Ok(input.map(|Json(number)| Json(2 * number)))
/// }
///
/// let mut test = Test::of(double);
/// test.given("k", "21");
/// test.given_record(Some(b"k"), None, &[]);
/// test.then_output("k", "42");
/// test.then_nothing_more();
/// ```
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
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Result};
///
/// fn bang(word: Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
///     Ok(Bytes([&word.0[..], b"!"].concat()))
/// }
///
/// let mut test = Test::of(bang);
/// test.given("k", "ciao");
/// test.then_output("k", "ciao!");
/// ```
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
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Keyed, Result};
///
/// fn by_number(
///     Keyed(number, Bytes(name)): Keyed<u64, Bytes<Vec<u8>>>,
///     _: &Context,
/// ) -> Result<Keyed<u64, Bytes<Vec<u8>>>> {
///     Ok(Keyed(number % 10, Bytes(name)))
/// }
///
/// let mut test = Test::of(by_number);
/// test.given("17", "margherita");
/// test.given("seventeen", "margherita");
/// test.then_output("7", "margherita");
/// test.then_dead_letter("seventeen", "deserialization");
/// ```
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
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Delete, Result};
///
/// fn forget(_: Bytes<Vec<u8>>, _: &Context) -> Result<Delete> {
///     Ok(Delete)
/// }
///
/// let mut test = Test::of(forget);
/// test.given("4711", "anything");
/// assert_eq!(test.outputs()[0].value, None);
/// ```
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
