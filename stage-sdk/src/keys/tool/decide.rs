//! `keys skip`, `release` and `retry-now`.

use super::Desk;
use crate::chain::Chain;
use crate::cli::print;
use crate::control;
use crate::core::{Rest, Wish};
use crate::dead_letter::Place;
use crate::dead_letter::page::json_line;
use crate::keys::blocked::{Key, by_name};
use crate::keys::decide::{self, Asked};
use crate::keys::waiting::Waiting;
use crate::service::StartError;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const ABOUT: &str = "\
It acts on what waits of the key now, never on what comes later: given twice it does nothing more, but \
for retry-now, which is another attempt. A stage that is not running does it when it starts. Exit code \
1: nobody did it in time.";

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The key, as `list` shows it; or its first record, as `show` does
    key: String,

    /// How long to wait until the stage has done it; 0: only ask for it
    #[arg(long, value_name = "SECS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    wait: u64,
}

pub(super) fn decide(desk: Desk, wish: Wish, args: &Args, json: bool) -> Result<(), StartError> {
    let Desk { broker, topics, chain, waiting } = &desk;
    let keys = chosen(waiting, &args.key)?;
    let Some(stage) = keys.first().and_then(|key| chain.stage(&key.head().stage)) else {
        return print([nothing(&args.key, json)]);
    };
    let of_stage = decide::Desk { broker, topics, stage };
    let asked = decide::ask(&of_stage, wish, keys, Duration::from_secs(args.wait))?;
    let dead_letters = Chain::dead_letter_topic(stage);
    print(asked.iter().map(|asked| asked.line(&dead_letters, json)))?;
    if args.wait > 0 && asked.iter().any(|asked| asked.answer.is_none()) {
        return Err(StartError::Runtime(format!(
            "nobody acted on it within {} s: is stage {:?} running? The command stays, and is done when it starts",
            args.wait, stage.name
        )));
    }
    Ok(())
}

/// The key that is meant, in each partition in which it waits.
fn chosen(waiting: &[Waiting], name: &str) -> Result<Vec<Key>, StartError> {
    let place: Option<Place> = name.parse().ok();
    let is_there = |one: &&Waiting| place.as_ref().is_some_and(|place| *place == one.place());
    let is_name = waiting.iter().any(|one| one.key() == name);
    let there = waiting.iter().find(is_there).map(Waiting::name);
    let is_meant = |one: &&Waiting| match is_name {
        true => one.key() == name,
        false => Some(one.name()) == there,
    };
    let keys = by_name(waiting.iter().filter(is_meant).cloned().collect());
    let Some(first) = keys.first() else { return Ok(keys) };
    if let Some(place) = place.filter(|place| !is_name && *place != first.head().place()) {
        let text = format!("{place} waits behind {}: name that one", first.head().place());
        return Err(StartError::Usage(text));
    }
    let mut stages: Vec<&str> = keys.iter().map(|key| key.head().stage.as_str()).collect();
    stages.dedup();
    if stages.len() > 1 {
        let text = format!("key {name} waits in {}: give one of them --stage", stages.join(", "));
        return Err(StartError::Usage(text));
    }
    if keys.len() > 1 && keys.iter().any(|key| key.head().alone || key.bytes() != first.bytes()) {
        return Err(StartError::Usage(format!(
            "{} different records or keys are called {name}: name one of the records instead, such as {}",
            keys.len(),
            first.head().place()
        )));
    }
    Ok(keys)
}

fn nothing(key: &str, json: bool) -> String {
    match json {
        true => json_line(&json!({"key": key, "waiting": 0, "done": true, "records": 0})),
        false => format!("nothing waits of key {key}"),
    }
}

impl Asked {
    fn line(&self, dead_letters: &str, json: bool) -> String {
        if json { json_line(&self.json()) } else { self.text(dead_letters) }
    }

    fn text(&self, dead_letters: &str) -> String {
        let (head, seen) = (self.key.head(), self.key.records.len());
        let (place, key) = (head.place(), head.key());
        let word = control::word(self.wish);
        let rest = match self.left.len() {
            0 => "nothing of the key waits any more".to_owned(),
            left => format!("{} of the key go on", counted(left)),
        };
        match (self.wish, self.answer) {
            (_, None) => format!("asked for: {word} {place} of key {key}"),
            (_, Some(0)) => format!("nothing to {word}: {place} was done before; {rest}"),
            (Wish::Skip, _) => format!("skipped {place}, it is in {dead_letters}; {rest}"),
            (Wish::Release, Some(records)) if records as usize == seen => {
                format!("released {} of key {key}, in {dead_letters}; {rest}", counted(seen))
            }
            (Wish::Release, Some(records)) => format!(
                "released key {key}: of {} at least {records} are in {dead_letters}; {rest}",
                counted(seen)
            ),
            (Wish::RetryNow | Wish::Replay, _) => {
                match self.left.iter().find(|left| left.offset == head.offset) {
                    Some(left) => {
                        let state =
                            if left.entry.rest() == Rest::Held { "held" } else { "waiting" };
                        format!("tried {place}: it failed, and is {state} again: {}", left.error())
                    }
                    None => format!("tried {place}: it waits no more; {rest}"),
                }
            }
        }
    }

    fn json(&self) -> Value {
        let (head, (first, last)) = (self.key.head(), self.key.range());
        json!({
            "stage": head.stage,
            "command": control::word(self.wish),
            "key": head.key(),
            "topic": head.topic,
            "partition": head.partition,
            "first": first,
            "last": last,
            "control": control::name(self.id),
            "done": self.answer.is_some(),
            "records": self.answer,
            "waiting": self.answer.map(|_| self.left.len()),
        })
    }
}

fn counted(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Note;
    use crate::redirect::Entry;

    fn waits(stage: &str, partition: i32, offset: i64, key: Option<&[u8]>) -> Waiting {
        let note = Note { attempts: 1, first: None, rest: Rest::Held, noted: None, edition: 0 };
        let entry = Entry::new(key, &note, Some("no"));
        let (stage, topic, alone) = (stage.into(), "orders".into(), key.is_none());
        Waiting { stage, topic, partition, offset, entry, alone }
    }

    fn ranges(waiting: &[Waiting], name: &str) -> Result<Vec<(i64, i64)>, String> {
        let keys = chosen(waiting, name).map_err(|error| error.to_string())?;
        Ok(keys.iter().map(Key::range).collect())
    }

    #[test]
    fn a_key_is_meant_or_the_record_that_is_named() {
        let b = Some(&b"b"[..]);
        let waiting = [
            waits("price", 0, 3, Some(b"a")),
            waits("price", 0, 4, b),
            waits("price", 0, 9, b),
            waits("price", 1, 2, b),
            waits("price", 1, 3, None),
            waits("price", 1, 4, None),
        ];
        assert_eq!(ranges(&waiting, "a"), Ok(vec![(3, 3)]));
        assert_eq!(ranges(&waiting, "b"), Ok(vec![(4, 9), (2, 2)]), "in each partition");
        assert_eq!(ranges(&waiting, "orders[0]@4"), Ok(vec![(4, 9)]), "the key of that record");
        let told = ranges(&waiting, "orders[0]@9").unwrap_err();
        assert!(told.contains("behind orders[0]@4"), "what is done is done with the first: {told}");
        assert_eq!(ranges(&waiting, "orders-1-4"), Ok(vec![(4, 4)]), "without a key itself alone");
        assert_eq!(ranges(&waiting, "c"), Ok(vec![]));
        assert!(ranges(&waiting, "(null)").unwrap_err().contains("orders[1]@3"));
        // Where no order is kept, those of a key have nothing to do with each other.
        let unordered = waiting.map(|one| Waiting { alone: true, ..one });
        assert!(ranges(&unordered, "b").unwrap_err().contains("orders[0]@4"));
        assert_eq!(ranges(&unordered, "orders[0]@9"), Ok(vec![(9, 9)]));
    }

    #[test]
    fn a_key_of_several_stages_is_not_guessed() {
        let waiting = [waits("price", 0, 3, Some(b"a")), waits("ship", 0, 3, Some(b"a"))];
        let told = ranges(&waiting, "a").unwrap_err();
        assert!(told.contains("price, ship") && told.contains("--stage"), "{told}");
        assert!(ranges(&waiting[..1], "a").is_ok());
    }
}
