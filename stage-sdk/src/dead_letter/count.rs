//! `dead-letters count`: how many, by what.

use super::filter::Filter;
use super::page::{json_line, plain};
use super::queue::Queue;
use super::{DeadLetter, tool::Desk, when};
use crate::cli::print;
use crate::service::StartError;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What they are counted by
    #[arg(long, value_enum, default_value_t = By::Reason)]
    by: By,

    /// Those that were replayed or dropped too
    #[arg(long)]
    all: bool,

    // Last: its heading is of all that follow.
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// The disposition, or the error class where another tool wrote it
    Reason,
    /// The stage, or the connector
    Stage,
    /// The hour in which they died, in UTC
    Hour,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Reason => "reason",
            By::Stage => "stage",
            By::Hour => "hour",
        }
    }

    fn of(self, letter: &DeadLetter) -> String {
        match self {
            By::Reason => letter.reason().to_owned(),
            By::Stage => letter.stage.clone().unwrap_or_else(|| "unknown".into()),
            By::Hour => when::utc(letter.died()).split(':').next().unwrap_or_default().to_owned(),
        }
    }
}

pub(super) fn count(desk: &Desk, args: &Args) -> Result<(), StartError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let filter = desk.filter(&args.filter);
    for topic in &desk.topics {
        let queue = Queue::look(&desk.broker, &desk.admin, topic)?;
        queue.each(&queue.ends, |letter, how| {
            if (args.all || how.is_none()) && filter.lets(&letter) {
                *counts.entry(args.by.of(&letter)).or_default() += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    if args.by != By::Hour {
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
    let by = args.by.name();
    if desk.json {
        let line = |(name, count)| json_line(&json!({by: name, "count": count}));
        return print(counts.into_iter().map(line));
    }
    if counts.is_empty() {
        let open = if args.all { "" } else { "open " };
        eprintln!("no {open}dead letters in {}", desk.topics.join(", "));
        return Ok(());
    }
    let heading = format!("{:>9}  {}", "COUNT", by.to_uppercase());
    let lines =
        counts.iter().map(|(name, count)| format!("{count:>9}  {}", plain(name.as_bytes())));
    print([heading].into_iter().chain(lines))
}
