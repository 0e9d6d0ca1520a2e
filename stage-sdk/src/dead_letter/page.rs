//! Letters on a page: text that is safe to print, columns, JSON.

use super::done::How;
use super::place::Place;
use super::{DeadLetter, when};
use crate::record::Headers;
use serde_json::{Value, json};

/// Bytes as text without anything a terminal would act on.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// As `plain`, of a key or a value that may be missing.
pub(crate) fn plain_or_null(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "(null)".to_owned(), plain)
}

/// A value as a line of JSON without anything a terminal would act on. Of control characters JSON itself
/// escapes those below the space; the others stand inside of its strings only.
pub(crate) fn json_line(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |letter: char| match letter.is_control() {
        true => format!("\\u{:04x}", u32::from(letter)),
        false => letter.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// `open`, or what became of it.
pub(super) fn state(how: Option<How>) -> &'static str {
    how.map_or("open", How::name)
}

impl DeadLetter {
    /// Where it lies.
    pub fn place(&self) -> Place {
        Place { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    /// Where the record that died lay, if its writer says all of it.
    pub fn origin_place(&self) -> Option<Place> {
        let (topic, partition) = (self.origin.topic.clone()?, self.origin.partition?);
        Some(Place { topic, partition, offset: self.origin.offset? })
    }
}

/// A dead letter as one JSON object. Bytes are text, or `{"base64": …}` where they are none.
pub(super) fn to_json(letter: &DeadLetter, how: Option<How>) -> Value {
    let origin = &letter.origin;
    let header =
        |(name, value): (&str, Option<&[u8]>)| json!({"name": name, "value": bytes(value)});
    json!({
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "time": letter.time,
        "state": state(how),
        "origin": {
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": origin.offset,
            "time": origin.time,
        },
        "group": letter.group,
        "stage": letter.stage,
        "attempts": letter.attempts,
        "replays": letter.replays,
        "first_failure": letter.first_failure,
        "last_failure": letter.last_failure,
        "disposition": letter.disposition,
        "class": letter.class,
        "message": letter.message,
        "stack": letter.stack,
        "key": bytes(letter.key.as_deref()),
        "value": bytes(letter.value.as_deref()),
        "value_dropped": letter.value_dropped,
        "headers": Headers::new(&letter.original_headers()).map(header).collect::<Vec<_>>(),
    })
}

fn bytes(bytes: Option<&[u8]>) -> Value {
    use base64::Engine as _;
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => text.into(),
        Some((bytes, Err(_))) => {
            json!({"base64": base64::engine::general_purpose::STANDARD.encode(bytes)})
        }
    }
}

/// The names of the columns of `list`.
pub(super) const COLUMNS: [&str; 6] = ["TIME", "STAGE", "FROM", "KEY", "REASON", "MESSAGE"];

/// How wide each column may get. Coordinates are whole: they are what `show` takes.
pub(super) const WIDEST: [usize; 6] = [20, 40, usize::MAX, 24, 40, usize::MAX];

/// What `list` says of a letter: also what became of it, unless it is open.
pub(super) fn cells(letter: &DeadLetter, how: Option<How>) -> [String; 6] {
    let became = how.map_or(String::new(), |_| format!(", {}", state(how)));
    let from = letter.origin_place().unwrap_or_else(|| letter.place());
    let text =
        |text: &Option<String>| text.as_deref().map_or("-".to_owned(), |t| plain(t.as_bytes()));
    [
        when::utc(letter.died()),
        text(&letter.stage),
        plain(from.to_string().as_bytes()),
        plain_or_null(letter.key.as_deref()),
        plain(letter.reason().as_bytes()) + &became,
        text(&letter.message),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_act_on() {
        assert_eq!(plain(b"a\x1b[31mb\n\xff\xc3\xa9"), "a\\u{1b}[31mb\\n\\xffé");
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        assert_eq!(bytes(Some(b"\xff\x00")), json!({"base64": "/wA="}));
        assert_eq!((bytes(Some(b"a")), bytes(None)), (json!("a"), Value::Null));
    }
}
