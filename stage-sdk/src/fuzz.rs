//! What random bytes may not do: each target takes any, and panics where a promise is broken. The
//! package in `fuzz/` looks for such bytes; what it found and kept is tried here again.

#[cfg(test)]
mod tests;

pub use crate::admin::fuzz::admin;
pub use crate::dead_letter::fuzz::letter;

use crate::chain::Chain;
use crate::control::Control;
use crate::core::Position;
use crate::redirect::Entry;
use serde_json::Value;

/// A route map: it is a chain whose stages can be told to run, or has problems that say their lines.
pub fn chain(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Chain::parse(&text, "topics.toml") {
        Ok(chain) => {
            for stage in &chain.stages {
                let service = chain.service(&stage.name).expect("a stage that it has");
                assert_eq!(service.input, stage.input);
                stage.policy();
            }
            let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            for name in chain.all_topics().keys() {
                assert!((1..=249).contains(&name.len()) && name.chars().all(legal), "{name:?}");
            }
        }
        Err(problems) => {
            assert!(!problems.all.is_empty());
            let lines = text.lines().count() + 1; // the end of the last line counts
            for problem in &problems.all {
                assert!(
                    problem.line <= lines && !problem.text.is_empty(),
                    "{problem:?} of {lines}"
                );
            }
        }
    }
}

/// An offset commit: what is read of it is written as it was read, or means the same.
pub fn metadata(data: &[u8]) {
    let Some((offset, text)) = data.split_first_chunk::<8>() else { return };
    let offset = i64::from_be_bytes(*offset) & i64::MAX; // the broker knows none below 0
    let Ok(position) = Position::read(offset, &String::from_utf8_lossy(text)) else { return };
    assert_eq!(position.next, offset);
    assert!(position.unfinished.is_sorted_by(|a, b| a < b));
    assert!(position.unfinished.iter().all(|at| (position.next..position.upto).contains(at)));
    assert!(!position.is_finished(offset));
    let again = Position::read(offset, &position.metadata());
    assert_eq!(again, Ok(position));
}

/// A record of the redirect topic: a note, or what an operator wants.
pub fn entry(data: &[u8]) {
    if let Ok(entry) = Entry::read(data) {
        let text = serde_json::to_vec(&entry).expect("JSON");
        assert_eq!(Entry::read(&text).as_ref(), Ok(&entry));
        // Strings in fields that nobody reads may be none.
        let told: Value = serde_json::from_slice(data).unwrap_or_default();
        if let (Value::Null, Some(digits)) = (&told["key"], told["key_hex"].as_str()) {
            let key = entry.key().expect("a key");
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, digits.to_lowercase());
        }
        if let Ok(note) = entry.note() {
            let again = Entry::new(entry.key().as_deref(), &note, entry.error.as_deref());
            assert_eq!((again.key(), again.note()), (entry.key(), Ok(note)));
        }
    }
    if let Ok(control) = Control::read(data, 0) {
        let text = serde_json::to_vec(&control).expect("JSON");
        assert_eq!(Control::read(&text, 0).as_ref(), Ok(&control));
        control.replayed(data);
    }
}
