//! One pass over a dead-letter topic.

use super::fate::{Outgoing, goes_to, may_go, revive};
use super::lane::Lane;
use super::{Args, To};
use crate::core::Ended;
use crate::dead_letter::DeadLetter;
use crate::dead_letter::done::How;
use crate::dead_letter::filter::Filter;
use crate::dead_letter::queue::Queue;
use crate::dead_letter::scan::Ends;
use crate::dead_letter::settle::{Clerk, batch_limit};
use crate::dead_letter::tool::Desk;
use crate::kafka::Target;
use crate::producer::Message;
use crate::record::Headers;
use crate::service::StartError;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// What one transaction holds at most.
const RECORDS: usize = 500;
const BYTES: usize = 1 << 20;

/// Transactions that may fail in a row.
const PATIENCE: u32 = 5;

/// One pass over a dead-letter topic, up to the end it has at the start.
pub(super) struct Pass<'p> {
    desk: &'p Desk,
    args: &'p Args,
    filter: Filter,
    pub(super) topic: &'p str,
    /// Replayed so far.
    pub(super) sent: u64,
    /// Left where they are, and why.
    pub(super) skipped: BTreeMap<String, u64>,
    /// The lane it goes to, if it does.
    lane: Option<Lane>,
    /// Where something went.
    pub(super) reached: BTreeSet<String>,
    targets: HashMap<String, Option<Target>>,
    ends: Option<Ends>,
    /// A batch was refused: from now on each record goes in one of its own.
    alone: bool,
    started: Instant,
}

/// Why an attempt at the pass broke off.
enum Broke {
    /// For good.
    Failed(StartError),
    /// A transaction ended otherwise than it should: what took effect is to be looked up.
    Interrupted(Ended),
}

impl From<StartError> for Broke {
    fn from(error: StartError) -> Broke {
        Broke::Failed(error)
    }
}

/// What the next transaction will hold.
#[derive(Default)]
struct Chunk {
    records: Vec<Outgoing>,
    bytes: usize,
}

impl<'p> Pass<'p> {
    pub(super) fn new(
        desk: &'p Desk,
        args: &'p Args,
        topic: &'p str,
    ) -> Result<Pass<'p>, StartError> {
        let to_lane = args.to == To::RetryLane;
        Ok(Pass {
            desk,
            args,
            filter: desk.filter(&args.filter),
            topic,
            sent: 0,
            skipped: BTreeMap::new(),
            lane: to_lane.then(|| Lane::of(desk, topic)).transpose()?,
            reached: BTreeSet::new(),
            targets: HashMap::new(),
            ends: None,
            alone: false,
            started: Instant::now(),
        })
    }

    /// Goes through the topic. What fails on the way is not remembered but looked up: each attempt
    /// begins like a new process would.
    pub(super) fn run(&mut self) -> Result<(), StartError> {
        let mut failures = 0;
        loop {
            let before = self.sent;
            let ended = match self.attempt() {
                Ok(()) => return Ok(()),
                Err(Broke::Failed(error)) => return Err(error),
                Err(Broke::Interrupted(ended)) => ended,
            };
            failures = if self.sent > before { 1 } else { failures + 1 };
            tracing::warn!(
                ?ended,
                topic = self.topic,
                "a replay's transaction failed; going on from what took effect"
            );
            let refused_alone = ended == Ended::Refused && self.alone;
            if refused_alone || failures > PATIENCE {
                return Err(StartError::Runtime(format!(
                    "{}: the broker {}; {} were replayed before, and the same command goes on from there",
                    self.topic,
                    if refused_alone {
                        "refuses a record; find it with --offsets"
                    } else {
                        "does not take them"
                    },
                    self.sent
                )));
            }
            self.alone |= ended == Ended::Refused;
        }
    }

    fn attempt(&mut self) -> Result<(), Broke> {
        let (desk, topic, name) = (self.desk, self.topic, self.args.name.as_str());
        self.skipped.clear();
        let (clerk, queue) = if self.args.dry_run {
            (None, Queue::settle(&desk.broker, &desk.admin, topic, name)?)
        } else {
            // Its limits are the topic's: every letter has fitted there.
            let own = desk.admin.target(topic).map_err(StartError::from)?.limit;
            let batch = if self.alone { 1 } else { batch_limit(own) };
            let whose = (How::Replayed, name);
            let clerk = Clerk::take_over(&desk.broker, topic, whose, (own, batch))?;
            (Some(clerk), Queue::settle(&desk.broker, &desk.admin, topic, name)?)
        };
        let ends = self.ends.get_or_insert_with(|| queue.ends.clone()).clone();
        let bar = progress(&ends, desk.is_watched);
        let mut chunk = Chunk::default();
        let mut broke = None;
        queue.each(&ends, |letter, how| {
            bar.inc(1);
            if how.is_none() && self.filter.lets(&letter) {
                self.take(letter, &mut chunk)?;
            }
            if self.is_full(&chunk)
                && let Err(ended) = self.settle(clerk.as_ref(), &mut chunk)
            {
                broke = Some(ended);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if broke.is_none() {
            broke = self.settle(clerk.as_ref(), &mut chunk).err();
        }
        bar.finish_and_clear();
        let Some(ended) = broke else { return Ok(()) };
        // Were it to take over again, each would go on fencing the other.
        if clerk.is_some_and(|clerk| clerk.is_fenced()) {
            return Err(Broke::Failed(StartError::Runtime(format!(
                "{topic}: another replay has taken over, or a transaction of this one took longer than 5 s, and this one has ended; {} were replayed by it. The other goes on with what is open; where there is none, the same command does",
                self.sent
            ))));
        }
        Err(Broke::Interrupted(ended))
    }

    /// Puts a letter into the chunk, or notes why not.
    fn take(&mut self, letter: DeadLetter, chunk: &mut Chunk) -> Result<(), StartError> {
        match self.revived(letter)? {
            Ok(record) => {
                chunk.bytes += record.bytes();
                chunk.records.push(record);
            }
            Err(why) => *self.skipped.entry(why).or_default() += 1,
        }
        Ok(())
    }

    /// What goes out for a letter, or why nothing does.
    fn revived(&mut self, letter: DeadLetter) -> Result<Result<Outgoing, String>, StartError> {
        if let Err(why) = may_go(self.args, &letter) {
            return Ok(Err(why));
        }
        if let Some(lane) = &self.lane {
            return Ok(lane.revive(letter));
        }
        let topic = match goes_to(self.args, &letter) {
            Ok(topic) => topic.to_owned(),
            Err(why) => return Ok(Err(why)),
        };
        Ok(match self.target(&topic)? {
            None => Err(format!("topic {topic}, where they came from, is not there")),
            Some(target) => revive(letter, &target),
        })
    }

    fn target(&mut self, topic: &str) -> Result<Option<Target>, StartError> {
        use crate::topics::Trouble;
        if let Some(known) = self.targets.get(topic) {
            return Ok(known.clone());
        }
        let found = match self.desk.admin.target(topic) {
            Ok(target) => Some(target),
            Err(Trouble::Missing(_)) => None,
            Err(trouble) => return Err(trouble.into()),
        };
        self.targets.insert(topic.to_owned(), found.clone());
        Ok(found)
    }

    /// Ten transactions a second are enough for any rate.
    fn is_full(&self, chunk: &Chunk) -> bool {
        let most =
            self.args.rate.map_or(RECORDS, |rate| (rate.get() as usize / 10).clamp(1, RECORDS));
        chunk.records.len() >= most || chunk.bytes >= BYTES
    }

    /// Replays the chunk; a dry run only counts it.
    fn settle(&mut self, clerk: Option<&Clerk<'_>>, chunk: &mut Chunk) -> Result<(), Ended> {
        let Chunk { records, .. } = std::mem::take(chunk);
        if let (Some(clerk), false) = (clerk, records.is_empty()) {
            let mut marked: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
            for Outgoing { letter: (partition, offset), .. } in &records {
                marked.entry(*partition).or_default().push(*offset);
            }
            clerk.settle(records.iter().map(message), &marked)?;
        }
        self.sent += records.len() as u64;
        let lane = self.lane.as_ref().map(Lane::name);
        let reached = records.into_iter().map(|r| lane.clone().unwrap_or(r.target.topic));
        self.reached.extend(reached);
        if let (Some(rate), Some(_)) = (self.args.rate, clerk) {
            let due = Duration::from_secs_f64(self.sent as f64 / f64::from(rate.get()));
            std::thread::sleep(due.saturating_sub(self.started.elapsed()));
        }
        Ok(())
    }
}

fn message(record: &Outgoing) -> Message<'_> {
    Message {
        topic: &record.target.topic,
        partition: Some(record.partition),
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: Headers::new(&record.headers),
        time: record.time,
    }
}

/// A bar for who watches; it counts what was looked at.
fn progress(ends: &Ends, is_watched: bool) -> ProgressBar {
    if !is_watched {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} looked at, {elapsed}");
    ProgressBar::new(ends.values().map(|(from, to)| (to - from).unsigned_abs()).sum())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
