//! A record as a line.

use crate::codec::Decode;
use crate::context::Context;
use crate::failure::{Failure, OrFail as _, Result};
use crate::record::{Headers, Record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// What the value of a record is to a program, and the value of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Any JSON; a record that is none is rejected.
    #[default]
    Json,
    /// Text, as a JSON string; what is no UTF-8 is rejected.
    Text,
    /// Bytes, as a JSON string in base64.
    Base64,
}

impl Format {
    /// All of them, by the names that `topics.toml` has for them.
    pub const ALL: [(&'static str, Format); 3] =
        [("json", Format::Json), ("text", Format::Text), ("base64", Format::Base64)];
}

/// A record's own bytes.
pub(super) struct Given {
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

impl<'r> Decode<'r> for Given {
    fn decode(record: Record<'r>) -> Result<Given> {
        Ok(Given { value: record.value.map(<[u8]>::to_vec), headers: record.headers.to_vec() })
    }
}

#[derive(Serialize)]
struct Question<'a> {
    id: u64,
    attempt: u32,
    topic: &'a str,
    partition: i32,
    offset: i64,
    time: Option<i64>,
    /// Null: there is none, or it is no UTF-8.
    key: Option<&'a str>,
    headers: Named<'a>,
    /// Null: a tombstone.
    value: Option<Value<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    Base64(String),
}

/// Headers that are UTF-8; of those with the same name the last.
struct Named<'a>(&'a [u8]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all: Vec<_> = Headers::new(self.0).collect();
        let mut map = serializer.serialize_map(None)?;
        for (at, (name, value)) in all.iter().enumerate() {
            let is_last = all[at + 1..].iter().all(|(other, _)| other != name);
            let text = value.map(std::str::from_utf8);
            if is_last && let Ok(text) = text.transpose() {
                map.serialize_entry(name, &text)?;
            }
        }
        map.end()
    }
}

/// Appends the line that asks for a record under this id.
///
/// # Errors
/// The value is not of this format: a Reject; nothing is appended.
pub(super) fn line(
    to: &mut Vec<u8>,
    id: u64,
    given: &Given,
    cx: &Context,
    format: Format,
) -> Result<()> {
    let key = cx.key();
    let value = given.value.as_deref();
    let question = Question {
        id,
        attempt: cx.attempt(),
        topic: cx.topic(),
        partition: cx.partition(),
        offset: cx.offset(),
        time: cx.time(),
        key: key.as_deref().and_then(|key| std::str::from_utf8(key).ok()),
        headers: Named(&given.headers),
        value: value.map(|value| shaped(value, format)).transpose()?,
    };
    let begin = to.len();
    serde_json::to_writer(&mut *to, &question).or_reject()?;
    // Between the tokens of a JSON value there may be line ends; in its texts there are none.
    to[begin..]
        .iter_mut()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .for_each(|byte| *byte = b' ');
    to.push(b'\n');
    Ok(())
}

fn shaped(value: &[u8], format: Format) -> Result<Value<'_>> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        Failure::reject(format!("the value is no {what}: {error}"))
    };
    match format {
        Format::Json => {
            serde_json::from_slice(value).map(Value::Json).map_err(|e| wrong("JSON", &e))
        }
        Format::Text => std::str::from_utf8(value).map(Value::Text).map_err(|e| wrong("text", &e)),
        Format::Base64 => Ok(Value::Base64(STANDARD.encode(value))),
    }
}
