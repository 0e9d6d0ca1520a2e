//! Control records: what an operator wants of a key, written to the redirect topic beside the notes,
//! in the partition of the records that it concerns.
//!
//! Key: `control/<uuid>`. Value: JSON; a tombstone says that the command is carried out, and is in the
//! same transaction as what came of it. With `replay` comes the record that is to be parked: its headers
//! are those of the control record, and its value is another header.

use crate::core::{Answer, Command, CommandId, Partition, Wish};
use crate::record::{self, Headers, Kept, Record, pack};
use crate::redirect;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PREFIX: &str = "control/";

/// The prefix of the headers that a record has as part of a command only.
const OWN: &str = "__stage.control.";

/// The header of a tombstone: how many records the command concerned.
const RECORDS: &str = "__stage.control.records";

/// The value of a record that is replayed; none: it has none.
const VALUE: &str = "__stage.control.value";

/// What an operator wants, as it is written.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    v: u32,
    command: String,
    /// The key, as text or, where it is none, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    key_hex: Option<String>,
    /// Where the operator saw its records waiting, in the input.
    partition: i32,
    first: i64,
    last: i64,
    /// How the first of them failed last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) error: Option<String>,
    /// The time of a record that is replayed, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    time: Option<i64>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Control {
    pub(crate) fn new(
        wish: Wish,
        key: Option<&[u8]>,
        partition: i32,
        (first, last): (i64, i64),
        error: Option<String>,
    ) -> Control {
        let (key, key_hex) = redirect::key_text(key);
        let command = word(wish).to_owned();
        Control { v: 1, command, key, key_hex, partition, first, last, error, time: None }
    }

    /// Has this record parked, and then tried at once; `more` gets the headers to send with it.
    pub(crate) fn replay(record: &Record<'_>, more: &mut Vec<u8>) -> Control {
        for (name, value) in Headers::new(record.headers).filter(|(name, _)| !is_own(name)) {
            pack(more, name, value);
        }
        if record.value.is_some() {
            pack(more, VALUE, record.value);
        }
        let Record { partition, offset, .. } = *record;
        let time = (record.time >= 0).then_some(record.time);
        let control = Control::new(Wish::Replay, record.key, partition, (offset, offset), None);
        Control { time, ..control }
    }

    /// The record that is to be parked, as it was in the input, from the headers that came with this;
    /// none: nothing is.
    pub(crate) fn replayed(&self, headers: &[u8]) -> Option<Kept> {
        if !self.is_replay() {
            return None;
        }
        let (mut others, mut value) = (Vec::new(), None);
        for (name, content) in Headers::new(headers) {
            match name {
                VALUE => value = content,
                name if is_own(name) => {}
                name => pack(&mut others, name, content),
            }
        }
        let key = self.key();
        Some(Kept::of(&Record {
            partition: self.partition,
            offset: self.first,
            time: self.time.unwrap_or(-1),
            key: key.as_deref(),
            value,
            headers: &others,
        }))
    }

    /// Reads a value of partition `of`.
    ///
    /// # Errors
    /// It is of a newer version of this library, damaged, or of another partition.
    pub(crate) fn read(value: &[u8], of: i32) -> Result<Control, String> {
        let text = |error: serde_json::Error| error.to_string();
        let Version { v } = serde_json::from_slice(value).map_err(text)?;
        if v != 1 {
            return Err(format!("version {v}; this library reads 1"));
        }
        let control: Control = serde_json::from_slice(value).map_err(text)?;
        control.wish().ok_or_else(|| format!("command {:?} is not known here", control.command))?;
        if !redirect::is_hex(control.key_hex.as_deref()) {
            return Err(redirect::no_hex(control.key_hex.as_deref()));
        }
        let Control { partition, first, last, .. } = control;
        if partition != of || first < 0 || last < first {
            return Err(format!("it is of offsets {first} to {last} of partition {partition}"));
        }
        Ok(control)
    }

    fn wish(&self) -> Option<Wish> {
        [Wish::RetryNow, Wish::Skip, Wish::Release, Wish::Replay]
            .into_iter()
            .find(|wish| word(*wish) == self.command)
    }

    fn key(&self) -> Option<Vec<u8>> {
        redirect::key_bytes(self.key.as_deref(), self.key_hex.as_deref())
    }

    /// Whether it brings a dead letter.
    pub(crate) fn is_replay(&self) -> bool {
        self.wish() == Some(Wish::Replay)
    }

    /// What the core is told of it.
    pub(crate) fn command(&self, id: CommandId, of: Partition) -> Option<Command> {
        let key = self.key().map(|key| record::hash(of, &key));
        let (wish, first, last) = (self.wish()?, self.first, self.last);
        Some(Command { id, wish, key, first, last, bytes: 0 })
    }
}

fn is_own(header: &str) -> bool {
    header.starts_with(OWN)
}

/// How a command is called, there and by whoever gives it.
pub(crate) fn word(wish: Wish) -> &'static str {
    match wish {
        Wish::RetryNow => "retry-now",
        Wish::Skip => "skip",
        Wish::Release => "release",
        Wish::Replay => "replay",
    }
}

/// A command's name in the redirect topic.
pub(crate) fn name(id: CommandId) -> String {
    format!("{PREFIX}{}", Uuid::from_u128(id.0))
}

/// Whether this names a control record, also one that is not known here.
pub(crate) fn is_control(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

/// The command of this name; none: its tombstone would have another.
pub(crate) fn id(of: &[u8]) -> Option<CommandId> {
    let uuid = std::str::from_utf8(of).ok()?.strip_prefix(PREFIX)?;
    let id = CommandId(Uuid::parse_str(uuid).ok()?.as_u128());
    (name(id).as_bytes() == of).then_some(id)
}

/// A command with a name that nobody else has.
pub(crate) fn new_id() -> CommandId {
    CommandId(Uuid::new_v4().as_u128())
}

/// The headers of the tombstone, packed.
pub(crate) fn answered(answer: Answer) -> Vec<u8> {
    let mut packed = Vec::new();
    pack(&mut packed, RECORDS, Some(answer.records.to_string().as_bytes()));
    packed
}

/// How many records the command concerned, as its tombstone says.
pub(crate) fn records(packed: &[u8]) -> Option<u32> {
    let (_, value) = Headers::new(packed).find(|(name, _)| *name == RECORDS)?;
    std::str::from_utf8(value?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Partition = Partition { input: 0, number: 3 };

    #[test]
    fn a_command_comes_back_whatever_its_key() {
        for key in [Some(&b"17"[..]), Some(b"\xff\x01"), Some(b""), None] {
            for wish in [Wish::RetryNow, Wish::Skip, Wish::Release] {
                let control = Control::new(wish, key, 3, (391, 649), Some("no".into()));
                let text = serde_json::to_vec(&control).unwrap();
                let read = Control::read(&text, 3).unwrap();
                assert_eq!(read, control);
                let id = new_id();
                let command = read.command(id, OF).unwrap();
                let hash = key.map(|key| record::hash(OF, key));
                assert_eq!(
                    command,
                    Command { id, wish, key: hash, first: 391, last: 649, bytes: 0 }
                );
            }
        }
    }

    #[test]
    fn a_replayed_record_comes_back_byte_for_byte() {
        for (key, value) in
            [(Some(&b"17"[..]), Some(&b"\xff"[..])), (None, None), (None, Some(b""))]
        {
            let (mut headers, mut more) = (Vec::new(), Vec::new());
            pack(&mut headers, "kind", Some(b"\x00"));
            pack(&mut headers, "kind", None);
            let (partition, offset, time) = (3, 391, 17);
            let record = Record { partition, offset, time, key, value, headers: &headers };
            let text = serde_json::to_vec(&Control::replay(&record, &mut more)).unwrap();
            let control = Control::read(&text, 3).unwrap();
            let command = control.command(new_id(), OF).unwrap();
            assert_eq!((command.wish, command.first, command.last), (Wish::Replay, 391, 391));
            let kept = control.replayed(&more).unwrap();
            let back = kept.record();
            assert_eq!((back.partition, back.offset, back.time), (partition, offset, time));
            assert_eq!((back.key, back.value, back.headers), (key, value, &headers[..]));
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let told = |text: &str| Control::read(text.as_bytes(), 3).unwrap_err();
        assert!(told(r#"{"v":2}"#).contains("version 2"));
        let of = |command: &str, partition: i32, first: i64, last: i64| {
            format!(
                r#"{{"v":1,"command":"{command}","partition":{partition},"first":{first},"last":{last}}}"#
            )
        };
        assert!(told(&of("bake", 3, 1, 2)).contains("bake"));
        for wrong in [of("skip", 2, 1, 2), of("skip", 3, 2, 1), of("skip", 3, -1, 2)] {
            assert!(told(&wrong).contains("offsets"), "{wrong}");
        }
        assert!(!told("no").is_empty() && !told(r#"{"v":1}"#).is_empty());
    }

    #[test]
    fn a_name_tells_the_command_or_that_it_is_none_of_ours() {
        let id = new_id();
        assert_eq!(super::id(name(id).as_bytes()), Some(id));
        let loud = name(id).to_uppercase().replace("CONTROL", "control");
        assert!(is_control(loud.as_bytes()) && super::id(loud.as_bytes()).is_none_or(|i| i == id));
        assert!(is_control(b"control/later") && super::id(b"control/later").is_none());
        assert!(!is_control(b"controls-3-17"));
        let answer = Answer { command: id, records: 212 };
        assert_eq!(records(&answered(answer)), Some(212));
    }
}
