//! The redirect topic's records: what is parked, under which key, and how it stands.
//!
//! Key: `<topic>-<partition>-<offset>` of the record in the input. Value: JSON; a tombstone says that
//! the record is no longer parked. The last one of a key holds, so the topic may be compacted.

use crate::core::{Note, Rest};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest error text a note carries.
const LONGEST: usize = 300;

/// How a parked record stands, as it is written.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    v: u32,
    /// The record's key, as text or, where it is none, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    key_hex: Option<String>,
    pub(crate) attempts: u32,
    /// Milliseconds since the epoch; none: behind others of its key, or held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    due: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    held: bool,
    /// When it failed first, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    first: Option<u64>,
    /// When this was noted, by the clock that `due` is by, in milliseconds since the epoch; only with `due`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    noted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) error: Option<String>,
    /// Which copy of it in the retry topic counts, in hexadecimal digits; none: the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    edition: Option<String>,
}

impl Entry {
    pub(crate) fn new(key: Option<&[u8]>, note: &Note, error: Option<&str>) -> Entry {
        let (key, key_hex) = key_text(key);
        let millis = |time: Duration| time.as_millis() as u64;
        Entry {
            v: 1,
            key,
            key_hex,
            attempts: note.attempts,
            due: match note.rest {
                Rest::Until(at) => Some(millis(at)),
                Rest::Held | Rest::Behind => None,
            },
            held: note.rest == Rest::Held,
            first: note.first.map(millis),
            noted: note.noted.filter(|_| matches!(note.rest, Rest::Until(_))).map(millis),
            error: error.map(|text| text.chars().take(LONGEST).collect()),
            edition: edition_text(note.edition),
        }
    }

    /// Reads a value of the redirect topic.
    ///
    /// # Errors
    /// It is of a newer version of this library, or damaged: without it the order of a key is unknown.
    pub(crate) fn read(value: &[u8]) -> Result<Entry, String> {
        let entry: Entry = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        match entry.v {
            1 if is_hex(entry.key_hex.as_deref()) => Ok(entry),
            1 => Err(no_hex(entry.key_hex.as_deref())),
            version => Err(format!("version {version}; this library reads 1")),
        }
    }

    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        key_bytes(self.key.as_deref(), self.key_hex.as_deref())
    }

    pub(crate) fn first(&self) -> Option<Duration> {
        self.first.map(Duration::from_millis)
    }

    /// How the record stands.
    ///
    /// # Errors
    /// It does not say which copy of the record counts.
    pub(crate) fn note(&self) -> Result<Note, String> {
        let edition = edition(self.edition.as_deref().map(str::as_bytes));
        let edition = edition.ok_or_else(|| format!("edition {:?} is no number", self.edition))?;
        let Entry { attempts, .. } = *self;
        let noted = self.noted.map(Duration::from_millis);
        Ok(Note { attempts, first: self.first(), rest: self.rest(), noted, edition })
    }

    pub(crate) fn rest(&self) -> Rest {
        match self.due {
            _ if self.held => Rest::Held,
            Some(due) => Rest::Until(Duration::from_millis(due)),
            None => Rest::Behind,
        }
    }
}

/// A record's name in the redirect and retry topics.
pub(crate) fn name(topic: &str, partition: i32, offset: i64) -> String {
    format!("{topic}-{partition}-{offset}")
}

/// The offset in a name, if it is one of this topic and partition.
pub(crate) fn offset(name: &[u8], topic: &str, partition: i32) -> Option<i64> {
    let rest = std::str::from_utf8(name).ok()?.strip_prefix(topic)?.strip_prefix('-')?;
    let (number, offset) = rest.split_once('-')?;
    (number.parse() == Ok(partition)).then(|| offset.parse().ok())?
}

/// A copy of a record in the retry topic, as it is written; none: the first.
pub(crate) fn edition_text(edition: u64) -> Option<String> {
    (edition != 0).then(|| format!("{edition:x}"))
}

/// The copy that was written so.
pub(crate) fn edition(text: Option<&[u8]>) -> Option<u64> {
    let Some(text) = text else { return Some(0) };
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

/// A key as text or, where it is none, in hexadecimal digits.
pub(crate) fn key_text(key: Option<&[u8]>) -> (Option<String>, Option<String>) {
    // What JSON would escape at length is better in digits: a note has room for two for each byte.
    let text = key.and_then(|key| std::str::from_utf8(key).ok());
    let text = text.filter(|text| !text.contains(char::is_control));
    (text.map(str::to_owned), key.filter(|_| text.is_none()).map(hex))
}

/// The key that was written so.
pub(crate) fn key_bytes(text: Option<&str>, digits: Option<&str>) -> Option<Vec<u8>> {
    text.map(|text| text.as_bytes().to_vec()).or_else(|| digits.map(from_hex))
}

/// Whether this is what [`key_text`] writes, or nothing.
pub(crate) fn is_hex(digits: Option<&str>) -> bool {
    digits.is_none_or(|digits| {
        digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// What is wrong if not.
pub(crate) fn no_hex(digits: Option<&str>) -> String {
    format!("key_hex {:?} is no bytes in hexadecimal digits", digits.unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_read_is_no_other_key() {
        for digits in ["f", "0g", "é"] {
            let text = format!(r#"{{"v":1,"attempts":1,"key_hex":"{digits}"}}"#);
            assert!(Entry::read(text.as_bytes()).unwrap_err().contains("key_hex"), "{digits}");
        }
    }

    #[test]
    fn an_entry_comes_back_whatever_its_key_and_rest() {
        let at = Duration::from_millis(1_700_000_000_123);
        for key in [Some(&b"a"[..]), Some(b"\xff\x00\x7f"), Some(b"\x01\x02"), Some(b""), None] {
            for rest in [Rest::Until(at), Rest::Held, Rest::Behind] {
                let edition = u64::from(rest == Rest::Behind) * 0xfeed;
                let noted = matches!(rest, Rest::Until(_)).then_some(at);
                let note = Note { attempts: 3, first: Some(at), rest, noted, edition };
                let text = serde_json::to_vec(&Entry::new(key, &note, Some("no"))).unwrap();
                let entry = Entry::read(&text).unwrap();
                assert_eq!(entry.key().as_deref(), key);
                assert_eq!(entry.note(), Ok(note));
            }
        }
    }

    #[test]
    fn a_note_takes_no_more_than_two_bytes_for_each_of_its_key() {
        let (attempts, first, edition) = (u32::MAX, Some(Duration::MAX), u64::MAX);
        let rest = Rest::Until(Duration::MAX);
        let note = Note { attempts, first, rest, noted: first, edition };
        for byte in 0..=255u8 {
            let value =
                serde_json::to_vec(&Entry::new(Some(&vec![byte; 1000]), &note, None)).unwrap();
            assert!(value.len() <= 2 * 1000 + 200, "{byte}: {}", value.len());
        }
    }

    #[test]
    fn another_version_and_rubbish_are_errors() {
        assert!(Entry::read(br#"{"v":2,"attempts":1}"#).unwrap_err().contains("version 2"));
        assert!(Entry::read(b"no").is_err());
        let odd = Entry::read(br#"{"v":1,"attempts":1,"edition":"no"}"#).unwrap();
        assert!(odd.note().is_err());
    }

    #[test]
    fn names_tell_topic_partition_and_offset() {
        assert_eq!(offset(name("a-1.b", 3, 77).as_bytes(), "a-1.b", 3), Some(77));
        for (other, partition) in [("a-1.b", 4), ("a-1", 3), ("b", 3)] {
            assert_eq!(offset(b"a-1.b-3-77", other, partition), None, "{other} {partition}");
        }
    }
}
