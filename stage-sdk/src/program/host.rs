//! Keeps a worker's program: starts it, asks it as much as it can do, and starts it again.

use super::Program;
use super::answer::Records;
use super::process::{Asked, Process};
use super::question::Given;
use crate::batched::Item;
use crate::failure::{Failure, Kind, Result};
use crate::telemetry::Seat;
use std::cell::{Cell, RefCell};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;

/// Before it is started again, the first time and at most; it doubles each time that it ends without an answer.
const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(10);

/// Records in hand wait so long for a start; if it is later, they come again.
const SOON: Duration = Duration::from_millis(200);

/// Ended so often without an answer in between, it is rather not the record's fault.
const IN_VAIN: u32 = 5;

/// A worker's program.
pub(super) struct Host {
    program: Arc<Program>,
    /// Where its worker says how it stands.
    seat: Arc<Seat>,
    /// None: it does not run, or is being asked. A question that is given up takes it along: what it would answer is
    /// nobody's any more.
    process: RefCell<Option<Process>>,
    /// How often it has ended since it last answered.
    ended: Cell<u32>,
    /// It is not started before.
    not_before: Cell<Option<Instant>>,
    /// It has answered once.
    works: Cell<bool>,
    /// Records that it is asked for at once: one after it has ended, and more the faster it answers.
    pace: Cell<usize>,
    /// No id is used twice: a second answer for a record is none for another.
    next_id: Cell<u64>,
}

impl Host {
    pub(super) fn new(program: Arc<Program>, seat: Arc<Seat>) -> Host {
        Host {
            program,
            seat,
            process: RefCell::default(),
            ended: Cell::new(0),
            not_before: Cell::new(None),
            works: Cell::new(false),
            pace: Cell::new(1),
            next_id: Cell::new(0),
        }
    }

    /// A result for each record, in their order. What it does not come to in time is to come again, and uses up no
    /// attempt; the next batch waits as long for this one, and both are within the time limit.
    pub(super) async fn ask(&self, items: &[Item<Given>]) -> Vec<Result<Records>> {
        let first_id = self.next_id.get();
        self.next_id.set(first_id + items.len() as u64);
        let mut asked = Asked::new(items, first_id, self.program.format);
        let (begun, patience) = (Instant::now(), self.program.patience());
        while asked.is_open() {
            if begun.elapsed() >= patience {
                asked.fail(items.len(), &self.away("is slower than its records come"));
                break;
            }
            let kept = self.process.take();
            let is_new = kept.is_none();
            let mut process = match kept.map_or_else(|| self.start(), Ok) {
                Ok(process) => process,
                Err(Some(soon)) => {
                    tokio::time::sleep_until(soon).await;
                    continue;
                }
                Err(None) => {
                    asked.fail(items.len(), &self.away("cannot be started now"));
                    break;
                }
            };
            // Given up, it is asked for one at a time from then on.
            let (count, asked_at) = (self.pace.replace(1), Instant::now());
            match asked.go_to(&mut process, count, patience).await {
                Ok(()) => {
                    self.process.replace(Some(process));
                    self.answered(count, asked_at.elapsed());
                }
                Err(why) => {
                    let why = process.end(why).await;
                    tracing::warn!("program {:?} {why}; it is started again", self.program.name());
                    self.seat.restarted();
                    self.ended(Instant::now());
                    self.judge(&mut asked, count == 1 && is_new, items.len(), &why);
                }
            }
        }
        asked.results()
    }

    fn answered(&self, count: usize, took: Duration) {
        self.ended.set(0);
        self.not_before.set(None);
        self.works.set(true);
        let patience = self.program.patience();
        self.pace.set(match took {
            _ if took < patience / 8 => (count * 2).min(super::UP_TO),
            _ if took > patience / 4 => (count / 2).max(1),
            _ => count,
        });
    }

    fn ended(&self, now: Instant) {
        let before = self.ended.replace(self.ended.get() + 1);
        self.not_before.set(Some(now + FIRST.saturating_mul(1 << before.min(10)).min(MOST)));
    }

    /// Whose fault it was. `alone`: a new program had this one record in hand and nothing else.
    fn judge(&self, asked: &mut Asked<'_>, alone: bool, all: usize, why: &str) {
        let ended = self.ended.get();
        if !self.works.get() {
            asked.fail(all, &self.away(why));
        } else if alone && (ended < IN_VAIN || ended.is_multiple_of(IN_VAIN)) {
            asked.fail(1, &Failure::new(Kind::Retry, self.error(why)));
        } else if alone {
            asked.fail(all, &self.away(why));
        }
    }

    fn away(&self, why: &str) -> Failure {
        Failure::new(Kind::Unavailable, self.error(why))
    }

    fn error(&self, why: &str) -> anyhow::Error {
        anyhow::anyhow!("program {:?} {why}", self.program.name())
    }

    /// Starts it; otherwise it may be started soon, or (none) later.
    fn start(&self) -> Result<Process, Option<Instant>> {
        let now = Instant::now();
        if let Some(then) = self.not_before.get().filter(|then| *then > now) {
            return Err((then - now <= SOON).then_some(then));
        }
        let mut command = Command::new(self.program.name());
        command.args(self.program.command.iter().skip(1));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; it goes on until what it has in hand is done.
        command.process_group(0);
        match command.spawn() {
            Ok(child) => Process::of(child).ok_or(None),
            Err(error) => {
                tracing::warn!(%error, "program {:?} cannot be started", self.program.name());
                self.ended(now);
                Err(None)
            }
        }
    }
}
