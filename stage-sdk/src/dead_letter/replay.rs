//! `dead-letters replay`: the records that died, sent on their way again.

mod fate;
mod lane;
mod pass;

use super::filter::Filter;
use super::tool::Desk;
use crate::cli::print;
use crate::service::StartError;
use pass::Pass;
use serde_json::json;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

pub(super) const ABOUT: &str = "\
What goes out is the record that died: its key, value, headers and time, to the partition number it \
came from (modulo the target's), in the order it has there, and a header __stage.replays that counts. \
Every group that reads that topic sees it again.

--to retry-lane: only the stage that gave it up does. It is parked in that stage's retry topic, before \
what waits of its key and came later, and tried as soon as none before it waits; what comes of its key \
meanwhile waits behind it. A running stage looks for it every five seconds, another when it starts.

Each letter is replayed once: the record and a mark in the dead-letter topic, which says that this \
letter is done with, are one transaction. Killed at any moment, the same command goes on where it \
was. What a filter leaves out stays open: a later replay, with another filter or none, finds it. What \
was replayed is not replayed again by any filter, except under another --name, which counts for \
itself. It ends at the end the topic had at the start: what dies of it again waits for the next \
replay, --max-replays times.

A second replay of the same topic and name takes over from the first, which ends with exit code 1, and \
nothing goes twice.";

/// What was replayed this often and died again is left, if nobody says otherwise.
const MAX_REPLAYS: u32 = 3;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Where they go
    #[arg(long, value_enum, default_value_t = To::Source)]
    to: To,

    /// They go to this topic instead
    #[arg(long, value_name = "TOPIC", conflicts_with = "to")]
    to_topic: Option<String>,

    /// At most this many records a second: 100, or 100/s
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<NonZeroU32>,

    /// Only say what would be replayed
    #[arg(long)]
    dry_run: bool,

    /// Leave those that were replayed this often, and died again
    #[arg(long, value_name = "N", default_value_t = MAX_REPLAYS, value_parser = clap::value_parser!(u32).range(1..))]
    max_replays: u32,

    /// Replay under a name: what was replayed under others does not count
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,

    // Last: its heading is of all that follow.
    #[command(flatten)]
    filter: Filter,
}

/// Where replayed records go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum To {
    /// The topic each of them came from
    Source,
    /// The retry lane of the stage that gave them up
    RetryLane,
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse();
    number.map_err(|_| "expected records a second: 100, or 100/s".to_owned())
}

pub(super) fn replay(desk: &Desk, args: &Args) -> Result<(), StartError> {
    if let Some(target) = &args.to_topic {
        if desk.topics.contains(target) {
            return Err(StartError::Usage(format!(
                "--to-topic {target} is the dead-letter topic itself; name another"
            )));
        }
        desk.admin.target(target)?;
    }
    // All or none of them have somewhere to go.
    let passes = desk.topics.iter().map(|topic| Pass::new(desk, args, topic));
    let mut found = false;
    for mut pass in passes.collect::<Result<Vec<_>, _>>()? {
        let ended = pass.run();
        report(desk, args, &pass)?;
        ended?;
        found |= pass.sent > 0 || !pass.skipped.is_empty();
    }
    if !found {
        eprintln!("no open dead letters to replay in {}", desk.topics.join(", "));
    }
    Ok(())
}

/// What was done of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Letters that were replayed, and are done with.
    pub replayed: u64,
    /// Why others were left, and how many; they stay open.
    pub left: BTreeMap<String, u64>,
}

/// One pass, without a word to the terminal.
pub(super) fn pass(
    desk: &Desk,
    topic: &str,
    filter: &Filter,
    to: To,
) -> Result<Replayed, StartError> {
    let args = Args {
        to,
        to_topic: None,
        rate: None,
        dry_run: false,
        max_replays: MAX_REPLAYS,
        name: String::new(),
        filter: filter.clone(),
    };
    let mut pass = Pass::new(desk, &args, topic)?;
    pass.run()?;
    Ok(Replayed { replayed: pass.sent, left: std::mem::take(&mut pass.skipped) })
}

/// Says what was done, also of a pass that failed on its way.
fn report(desk: &Desk, args: &Args, pass: &Pass<'_>) -> Result<(), StartError> {
    let topic = pass.topic;
    if desk.json {
        let skipped = pass.skipped.iter().map(|(why, count)| json!({"why": why, "count": count}));
        let line = json!({
            "topic": topic,
            "dry_run": args.dry_run,
            "replayed": pass.sent,
            "skipped": skipped.collect::<Vec<_>>(),
        });
        return print([line]);
    }
    if pass.sent == 0 && pass.skipped.is_empty() && desk.topics.len() > 1 {
        return Ok(());
    }
    let targets = pass.reached.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let to = if targets.is_empty() { String::new() } else { format!(" to {targets}") };
    let verb = if args.dry_run { "would replay" } else { "replayed" };
    let skipped = pass.skipped.iter().map(|(why, count)| format!("  left {count}: {why}"));
    print([format!("{topic}: {verb} {}{to}", pass.sent)].into_iter().chain(skipped))
}
