//! `pizza top`: the chain in a terminal, as it is at the moment.

mod view;

use crate::shop::{Failed, Shop};
use console::{Term, truncate_str};
use stage_sdk::StartError;
use stage_sdk::cli::print;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use view::{Map, Snapshot};

/// Before a shop that is away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Who asks once waits so long until all stages were asked; then what is known is all there is.
const KNOWN: Duration = Duration::from_secs(5);

/// The longest event.
const LONGEST: u64 = 4 << 20;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where the shop is open
    #[arg(long, env = "STAGE_URL", default_value = "http://127.0.0.1:8094")]
    url: String,

    /// Print it once, and end; so it is also where nobody looks at a terminal
    #[arg(long)]
    once: bool,

    /// Print JSON: a line whenever something has changed
    #[arg(long)]
    json: bool,
}

/// Shows it until Ctrl-C; a shop that is away meanwhile may come back.
pub(crate) fn top(args: &Args) -> Result<(), StartError> {
    let shop = Shop::at(&args.url)?;
    let mut screen = Screen { term: Term::stdout(), lines: 0 };
    let once = args.once || !(args.json || screen.term.is_term());
    loop {
        let failed = match follow(&shop, args, once, &mut screen) {
            Ok(()) if once => return Ok(()),
            Ok(()) => StartError::Runtime("the shop has closed".to_owned()),
            Err(failed) if once || !failed.may_mend => return Err(failed.error),
            Err(failed) => failed.error,
        };
        match args.json {
            true => eprintln!("pizza: {failed}"),
            false => {
                screen.show(&[failed.to_string(), "It is asked again every second.".to_owned()])?
            }
        }
        std::thread::sleep(AGAIN);
    }
}

/// Shows what the shop tells, until it tells no more; with `once`, the first that knows all stages.
fn follow(shop: &Shop, args: &Args, once: bool, screen: &mut Screen) -> Result<(), Failed> {
    let map: Map = shop.look("chain")?;
    let mut told = BufReader::new(shop.listen("events", once.then_some(KNOWN))?);
    let mut latest = None;
    while let Some(data) = event(&mut told) {
        let now: Snapshot = serde_json::from_str(&data).map_err(|error| {
            let text = format!("{} told something else: {error}", args.url);
            Failed::for_good(StartError::Runtime(text))
        })?;
        if once {
            // The first that looks sees the stages a moment later.
            let is_known = now.is_known();
            latest = Some((data, now));
            if is_known {
                break;
            }
            continue;
        }
        let shown = match args.json {
            true => print([&data]),
            false => screen.show(&view::lines(&map, &now)),
        };
        shown.map_err(Failed::for_good)?;
    }
    let printed = match latest {
        Some((data, _)) if args.json => print([&data]),
        Some((_, now)) => print(view::lines(&map, &now)),
        None if once => {
            Err(StartError::Runtime(format!("{} tells nothing of its chain", args.url)))
        }
        None => Ok(()),
    };
    printed.map_err(Failed::for_good)
}

/// The data of the next event; none: there is none, or it is longer than any is.
fn event(told: &mut impl BufRead) -> Option<String> {
    let mut data = None;
    loop {
        let mut line = String::new();
        told.by_ref().take(LONGEST).read_line(&mut line).ok()?;
        let line = line.strip_suffix('\n')?;
        match line.strip_prefix("data:") {
            Some(more) => data = Some(more.trim_start().to_owned()),
            None if line.is_empty() && data.is_some() => return data,
            None => {}
        }
    }
}

/// What is on the terminal is written over.
struct Screen {
    term: Term,
    lines: usize,
}

impl Screen {
    fn show(&mut self, lines: &[String]) -> Result<(), StartError> {
        let (height, width) = self.term.size();
        let room = usize::from(height).saturating_sub(1).max(1);
        // A line that is wrapped would be two to write over.
        let lines: Vec<_> =
            lines.iter().take(room).map(|line| truncate_str(line, width.into(), "…")).collect();
        let written = self.term.clear_last_lines(self.lines).and_then(|()| {
            self.lines = lines.len();
            self.term.write_line(&lines.join("\n"))
        });
        written.map_err(|error| StartError::Runtime(format!("cannot print: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_from_comments_and_from_half_of_one() {
        let mut told =
            ":\n\nevent: shop\ndata: {\"a\":1}\nid: 7\n\n:\n\ndata:{}\n\ndata: half".as_bytes();
        assert_eq!(event(&mut told).as_deref(), Some("{\"a\":1}"));
        assert_eq!(event(&mut told).as_deref(), Some("{}"));
        assert_eq!(event(&mut told), None);
    }
}
