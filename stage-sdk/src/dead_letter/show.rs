//! `dead-letters show`: all there is to say of one.

use super::done::How;
use super::page::{json_line, plain, plain_or_null, state, to_json};
use super::place::Place;
use super::queue::Queue;
use super::{DeadLetter, tool::Desk, when};
use crate::cli::print;
use crate::record::Headers;
use crate::service::StartError;
use std::ops::ControlFlow;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where the dead letter lies, or where the record that died lay: pizza-2-17 or pizza[2]@17
    #[arg(value_name = "TOPIC-PARTITION-OFFSET")]
    pub(super) place: Place,
}

pub(super) fn show(desk: &Desk, args: &Args) -> Result<(), StartError> {
    let mut found = Vec::new();
    for topic in &desk.topics {
        let queue = Queue::look(&desk.broker, &desk.admin, topic)?;
        queue.each(&queue.ends, |letter, how| {
            let is_meant = match *topic == args.place.topic {
                true => letter.place() == args.place,
                false => letter.origin_place().as_ref() == Some(&args.place),
            };
            if is_meant {
                found.push((letter, how));
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    if found.is_empty() {
        return Err(StartError::Runtime(format!(
            "no dead letter lies at or comes from {}; those there are: dead-letters list --all (searched: {})",
            args.place,
            desk.topics.join(", ")
        )));
    }
    match desk.json {
        true => print(found.iter().map(|(letter, how)| json_line(&to_json(letter, *how)))),
        false => print(found.iter().map(|(letter, how)| describe(letter, *how))),
    }
}

pub(super) fn describe(letter: &DeadLetter, how: Option<How>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        text += &format!("{name:<12} {value}\n");
    };
    let said = |text: &Option<String>| text.as_deref().map(|text| plain(text.as_bytes()));
    line("dead letter", format!("{}, {}", letter.place(), state(how)));
    let origin = &letter.origin;
    let time = origin.time.map_or(String::new(), |time| format!(", {}", when::utc(time)));
    match letter.origin_place() {
        Some(place) => line("from", format!("{}{time}", plain(place.to_string().as_bytes()))),
        None => line("from", format!("{}{time}", said(&origin.topic).unwrap_or("unknown".into()))),
    }
    line("died", when::utc(letter.died()));
    for (name, value) in [("stage", &letter.stage), ("group", &letter.group)] {
        if let Some(value) = said(value) {
            line(name, value);
        }
    }
    let class = letter.class.as_deref().filter(|class| *class != letter.reason());
    let class = class.map_or(String::new(), |class| format!(" ({})", plain(class.as_bytes())));
    line("reason", format!("{}{class}", plain(letter.reason().as_bytes())));
    if let Some(message) = said(&letter.message) {
        line("message", message);
    }
    if let Some(attempts) = letter.attempts {
        let first = letter
            .first_failure
            .map_or(String::new(), |time| format!(", first {}", when::utc(time)));
        line("attempts", format!("{attempts}{first}"));
    }
    if letter.replays > 0 {
        line("replays", letter.replays.to_string());
    }
    line("key", plain_or_null(letter.key.as_deref()));
    for (name, value) in Headers::new(&letter.original_headers()) {
        line("header", format!("{} = {}", plain(name.as_bytes()), plain_or_null(value)));
    }
    match letter.value_dropped {
        Some(bytes) => line("value", format!("dropped: its {bytes} bytes were too many to keep")),
        None => line("value", plain_or_null(letter.value.as_deref())),
    }
    if let Some(stack) =
        letter.stack.as_deref().filter(|stack| Some(*stack) != letter.message.as_deref())
    {
        text += "stack trace\n";
        for line in stack.lines() {
            text += &format!("  {}\n", plain(line.replace('\t', "  ").as_bytes()));
        }
    }
    text
}
