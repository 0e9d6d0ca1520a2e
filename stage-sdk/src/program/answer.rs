//! A line as what becomes of a record.

use super::Format;
use crate::codec::Output;
use crate::context::Emit;
use crate::failure::{Failure, Kind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The outputs of a record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records(Vec<Made>);

/// One of them. No value: a tombstone; no key: that of its input.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    key: Option<String>,
    value: Option<Vec<u8>>,
}

impl Output for Records {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        for Made { key, value } in self.0 {
            match key {
                Some(key) => put(&mut emit.with_key(Some(key.as_bytes())), value)?,
                None => put(emit, value)?,
            }
        }
        Ok(())
    }
}

fn put(emit: &mut Emit<'_>, value: Option<Vec<u8>>) -> Result<()> {
    let Some(value) = value else {
        emit.tombstone();
        return Ok(());
    };
    emit.value(|bytes| {
        bytes.extend_from_slice(&value);
        Ok(())
    })
}

/// Exactly one of all but the id, and the key only with a value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    id: u64,
    key: Option<String>,
    #[serde(default, borrow, deserialize_with = "given")]
    value: Option<&'a RawValue>,
    #[serde(default, borrow)]
    outputs: Option<Vec<OneOf<'a>>>,
    retry: Option<String>,
    reject: Option<String>,
    unavailable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOf<'a> {
    key: Option<String>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// A value that is null is given, too.
fn given<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// What a line says: of which record, and what became of it.
///
/// # Errors
/// It is no answer; why.
pub(super) fn read(line: &[u8], format: Format) -> Result<(u64, Result<Records>), String> {
    let answer: Answer<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Answer { id, key, value, outputs, retry, reject, unavailable } = answer;
    let failed = |kind, why: String| Ok((id, Err(Failure::new(kind, anyhow::Error::msg(why)))));
    match (value, outputs, retry, reject, unavailable) {
        (Some(value), None, None, None, None) => {
            let value = bytes(value, format)?;
            Ok((id, Ok(Records(vec![Made { key, value }]))))
        }
        (None, Some(outputs), None, None, None) if key.is_none() => {
            let made = outputs.into_iter().map(|one| {
                let value = bytes(one.value, format)?;
                Ok(Made { key: one.key, value })
            });
            Ok((id, Ok(Records(made.collect::<Result<_, String>>()?))))
        }
        (None, None, Some(why), None, None) if key.is_none() => failed(Kind::Retry, why),
        (None, None, None, Some(why), None) if key.is_none() => failed(Kind::Reject, why),
        (None, None, None, None, Some(why)) if key.is_none() => failed(Kind::Unavailable, why),
        _ => Err("it needs one of value, outputs, retry, reject and unavailable".into()),
    }
}

/// The bytes of a value; none: a tombstone.
fn bytes(value: &RawValue, format: Format) -> Result<Option<Vec<u8>>, String> {
    let text = value.get();
    if text == "null" {
        return Ok(None);
    }
    let string = || serde_json::from_str::<String>(text).map_err(|error| format!("value: {error}"));
    let bytes = match format {
        Format::Json => text.as_bytes().to_vec(),
        Format::Text => string()?.into_bytes(),
        Format::Base64 => STANDARD.decode(string()?).map_err(|error| format!("value: {error}"))?,
    };
    Ok(Some(bytes))
}
