//! `dead-letters drop`: done with, without a replay.

use super::done::How;
use super::filter::Filter;
use super::queue::Queue;
use super::settle::{Clerk, batch_limit};
use super::tool::Desk;
use crate::cli::print;
use crate::service::StartError;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal, Write as _};
use std::ops::ControlFlow;

pub(super) const ABOUT: &str = "\
Kafka deletes records from the beginning of a partition only, not from its middle. So a dropped \
letter is marked as done with: no command shows it (but list --all) and no replay takes it. Its bytes \
are deleted as soon as all letters before it in its partition are done with too, by this command or a \
later drop; replayed ones are deleted with it.";

/// Letters that one transaction marks.
const AT_ONCE: usize = 10_000;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Only say how many would be dropped
    #[arg(long)]
    dry_run: bool,

    // Last: its heading is of all that follow.
    #[command(flatten)]
    filter: Filter,
}

pub(super) fn drop(desk: &Desk, args: &Args) -> Result<(), StartError> {
    let asks = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !args.dry_run && !asks {
        return Err(StartError::Usage(
            "drop is for good, and nobody is here to be asked; add --yes, or look first with --dry-run"
                .into(),
        ));
    }
    let mut found = 0;
    for topic in &desk.topics {
        let selection = select(desk, args, topic)?;
        let count: usize = selection.values().map(Vec::len).sum();
        found += count;
        if args.dry_run {
            report(desk, topic, "would drop", count, 0)?;
            continue;
        }
        if count > 0 && !args.yes && !agrees(topic, count)? {
            report(desk, topic, "dropped", 0, 0)?;
            continue;
        }
        mark(desk, topic, &selection)?;
        let deleted = desk.admin.delete_before(topic, &first_open(desk, topic)?)?;
        report(desk, topic, "dropped", count, deleted)?;
    }
    if found == 0 {
        eprintln!("no open dead letters to drop in {}", desk.topics.join(", "));
    }
    Ok(())
}

/// The open letters that are meant, by partition.
fn select(desk: &Desk, args: &Args, topic: &str) -> Result<BTreeMap<i32, Vec<i64>>, StartError> {
    let queue = Queue::look(&desk.broker, &desk.admin, topic)?;
    let filter = desk.filter(&args.filter);
    let mut selection: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    queue.each(&queue.ends, |letter, how| {
        if how.is_none() && filter.lets(&letter) {
            selection.entry(letter.partition).or_default().push(letter.offset);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(selection)
}

/// Marks them. A replay that runs meanwhile is taken over from: it looks again and leaves these.
fn mark(desk: &Desk, topic: &str, selection: &BTreeMap<i32, Vec<i64>>) -> Result<(), StartError> {
    let own = desk.admin.target(topic)?.limit;
    for (partition, offsets) in selection {
        for some in offsets.chunks(AT_ONCE) {
            let limits = (own, batch_limit(own));
            let clerk = Clerk::take_over(&desk.broker, topic, (How::Dropped, ""), limits)?;
            let letters = BTreeMap::from([(*partition, some.to_vec())]);
            clerk.settle(std::iter::empty(), &letters).map_err(|ended| {
                StartError::Runtime(format!(
                    "{topic}: the broker did not take the marks ({ended:?}); what was dropped is dropped, and the same command goes on"
                ))
            })?;
        }
    }
    Ok(())
}

/// The offset of each partition's first letter that is still open; the end where there is none.
fn first_open(desk: &Desk, topic: &str) -> Result<BTreeMap<i32, i64>, StartError> {
    let queue = Queue::look(&desk.broker, &desk.admin, topic)?;
    let mut first: BTreeMap<i32, i64> =
        queue.ends.iter().map(|(number, (_, end))| (*number, *end)).collect();
    queue.each(&queue.ends, |letter, how| {
        if how.is_none() {
            first.entry(letter.partition).and_modify(|at| *at = (*at).min(letter.offset));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(first)
}

fn agrees(topic: &str, count: usize) -> Result<bool, StartError> {
    eprint!("drop {count} dead letters of {topic} for good? [y/N] ");
    let mut answer = String::new();
    std::io::stderr().flush().ok();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| StartError::Runtime(format!("no answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn report(
    desk: &Desk,
    topic: &str,
    verb: &str,
    count: usize,
    deleted: i64,
) -> Result<(), StartError> {
    if !desk.json && count == 0 && deleted == 0 && desk.topics.len() > 1 {
        return Ok(());
    }
    let line = match desk.json {
        true => json!({"topic": topic, "did": verb, "count": count, "offsets_freed": deleted})
            .to_string(),
        false if deleted > 0 => {
            format!("{topic}: {verb} {count}; {deleted} offsets freed at its beginning")
        }
        false => format!("{topic}: {verb} {count}"),
    };
    print([line])
}
