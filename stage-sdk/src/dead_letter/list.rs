//! `dead-letters list`: a line each.

use super::done::How;
use super::filter::Filter;
use super::page::{COLUMNS, WIDEST, cells, json_line, to_json};
use super::queue::Queue;
use super::{DeadLetter, tool::Desk};
use crate::cli::print;
use crate::columns::table;
use crate::service::StartError;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Only the newest N; 0: all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Those that were replayed or dropped too
    #[arg(long)]
    all: bool,

    // Last: its heading is of all that follow.
    #[command(flatten)]
    filter: Filter,
}

/// Prints the newest letters that the filter lets through, the oldest of them first.
pub(super) fn list(desk: &Desk, args: &Args) -> Result<(), StartError> {
    let wanted = Wanted { most: args.limit, done_too: args.all, whole: desk.json };
    let (newest, count) = newest(desk, &args.filter, &wanted)?;
    if desk.json {
        return print(newest.iter().map(|(letter, how)| json_line(&to_json(letter, *how))));
    }
    if count == 0 {
        let open = if args.all { "" } else { "open " };
        eprintln!("no {open}dead letters in {}", desk.topics.join(", "));
        return Ok(());
    }
    let rows = newest.iter().map(|(letter, how)| cells(letter, *how));
    let rows: Vec<_> = [COLUMNS.map(str::to_owned)].into_iter().chain(rows).collect();
    print(table(&rows, &WIDEST).lines().map(str::to_owned))?;
    if count > newest.len() {
        eprintln!("the newest {} of {count}; --limit 0 shows all", newest.len());
    }
    Ok(())
}

/// A letter, and what became of it; none: it is open.
type Listed = (DeadLetter, Option<How>);

/// What is to be listed.
pub(super) struct Wanted {
    /// The newest so many; 0: all.
    pub(super) most: usize,
    /// Also those that are done with.
    pub(super) done_too: bool,
    /// With values, headers and stack traces.
    pub(super) whole: bool,
}

/// The newest letters that the filter lets through, the oldest of them first; and how many there are.
pub(super) fn newest(
    desk: &Desk,
    filter: &Filter,
    wanted: &Wanted,
) -> Result<(Vec<Listed>, usize), StartError> {
    // By time, then by place.
    let mut newest: BTreeMap<(i64, String, i32, i64), _> = BTreeMap::new();
    let mut count = 0;
    let filter = desk.filter(filter);
    for topic in &desk.topics {
        let queue = Queue::look(&desk.broker, &desk.admin, topic)?;
        queue.each(&queue.ends, |mut letter, how| {
            if (wanted.done_too || how.is_none()) && filter.lets(&letter) {
                count += 1;
                if !wanted.whole {
                    (letter.value, letter.headers, letter.stack) = (None, Vec::new(), None);
                }
                let place = (letter.died(), letter.topic.clone(), letter.partition, letter.offset);
                newest.insert(place, (letter, how));
                if wanted.most > 0 && newest.len() > wanted.most {
                    newest.pop_first();
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok((newest.into_values().collect(), count))
}
