//! Dead letters with any headers: somebody else may have written them.

use super::page::{cells, json_line, to_json};
use super::{DeadLetter, show};
use crate::record::{Headers, Record, pack};

/// A record of a dead-letter topic: what the record that died had is a part of what it has, and what is
/// printed of it commands no terminal.
pub fn letter(data: &[u8]) {
    let mut packed = Vec::new();
    let mut rest = data;
    // Headers until the bytes end: the length of a name, that of a value (255: null), and both.
    while let Some(([name, value], after)) = rest.split_first_chunk::<2>() {
        let (name, after) = after.split_at(after.len().min((*name).into()));
        let null = *value == u8::MAX;
        let length = if null { 0 } else { usize::from(*value) };
        let (value, after) = after.split_at(after.len().min(length));
        pack(&mut packed, &String::from_utf8_lossy(name), (!null).then_some(value));
        rest = after;
    }
    let record =
        Record { key: Some(data), value: None, headers: &packed, time: 1, ..Record::default() };
    let letter = DeadLetter::read("dead", &record);
    let mut had = Headers::new(&packed);
    for header in Headers::new(&letter.original_headers()) {
        assert!(had.any(|of_record| of_record == header), "{header:?} is made up");
    }
    let safe = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    let shown = show::describe(&letter, None);
    assert!(safe(&shown), "{shown:?}");
    for cell in cells(&letter, None) {
        assert!(safe(&cell), "{cell:?}");
    }
    let json = json_line(&to_json(&letter, None));
    assert!(safe(&json));
    assert!(
        serde_json::from_str::<serde_json::Value>(&json).is_ok_and(|v| v == to_json(&letter, None))
    );
    // Bytes that nobody packed end somewhere.
    assert!(Headers::new(data).count() <= data.len() / 8);
}
