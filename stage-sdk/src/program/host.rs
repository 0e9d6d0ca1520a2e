//! Keeps a worker's program: starts it, asks it, and starts it again.

use super::answer::{self, Records};
use super::question::{self, Given};
use super::{Format, Program};
use crate::batched::Item;
use crate::failure::{Failure, Kind, Result};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The longest answer.
const LONGEST: usize = 16 << 20;

/// Before it is started again, the first time and at most.
const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(10);

/// Ended so often without an answer in between, it is not the record's fault.
const IN_VAIN: u32 = 5;

/// An idle program has so long to end when its input does.
const END: Duration = Duration::from_secs(1);

/// A worker's program.
pub(super) struct Host {
    program: Arc<Program>,
    /// None: it does not run, or is being asked. A question that is given up takes it along: what it would answer is
    /// nobody's any more.
    process: RefCell<Option<Process>>,
    /// How often it has ended since it last answered.
    ended: Cell<u32>,
    /// It has answered before.
    works: Cell<bool>,
    /// No id is used twice: a second answer for a record is none for another.
    next_id: Cell<u64>,
}

/// What is asked, and what came of it.
struct Asked<'a> {
    items: &'a [Item<Given>],
    /// The id of the first.
    first_id: u64,
    format: Format,
    results: Vec<Option<Result<Records>>>,
}

impl Host {
    pub(super) fn new(program: Arc<Program>) -> Host {
        Host {
            program,
            process: RefCell::default(),
            ended: Cell::new(0),
            works: Cell::new(false),
            next_id: Cell::new(0),
        }
    }

    /// A result for each record, in their order.
    pub(super) async fn ask(&self, items: &[Item<Given>]) -> Vec<Result<Records>> {
        let (format, first_id) = (self.program.format, self.next_id.get());
        self.next_id.set(first_id + items.len() as u64);
        let results = items.iter().map(|_| None).collect();
        let mut asked = Asked { items, first_id, format, results };
        let mut at_once = items.len();
        while asked.is_open() {
            let process = self.process.take();
            let mut process = match process {
                Some(process) => process,
                None => match self.start().await {
                    Ok(process) => process,
                    Err(failure) => {
                        asked.fail(items.len(), &failure);
                        break;
                    }
                },
            };
            match asked.go_to(&mut process, at_once).await {
                Ok(()) => {
                    self.process.replace(Some(process));
                    self.ended.set(0);
                    self.works.set(true);
                }
                Err(why) => {
                    let why =
                        format!("program {:?} {}", self.program.command[0], process.end(why).await);
                    tracing::warn!("{why}; it is started again");
                    self.ended.set(self.ended.get() + 1);
                    if self.ended.get() >= IN_VAIN || !self.works.get() {
                        self.works.set(false);
                        asked.fail(
                            items.len(),
                            &Failure::new(Kind::Unavailable, anyhow::Error::msg(why)),
                        );
                    } else if at_once == 1 {
                        // It was asked for this one only.
                        asked.fail(1, &Failure::new(Kind::Retry, anyhow::Error::msg(why)));
                    }
                    at_once = 1;
                }
            }
        }
        asked.results.into_iter().flatten().collect()
    }

    /// Starts it, later the more often it has ended.
    async fn start(&self) -> Result<Process> {
        if let Some(again) = self.ended.get().checked_sub(1) {
            tokio::time::sleep(FIRST.saturating_mul(1 << again.min(10)).min(MOST)).await;
        }
        let [name, arguments @ ..] = &*self.program.command else {
            return Err(Failure::new(Kind::Fatal, anyhow::anyhow!("command is empty")));
        };
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; it goes on until what it has in hand is done.
        command.process_group(0);
        let away = |error: std::io::Error| {
            Failure::new(
                Kind::Unavailable,
                anyhow::anyhow!("program {name:?} cannot be started: {error}"),
            )
        };
        let mut child = command.spawn().map_err(away)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(away(std::io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Process { child, input: Some(input), output: BufReader::new(output), is_idle: true })
    }
}

impl Asked<'_> {
    fn is_open(&self) -> bool {
        self.results.iter().any(Option::is_none)
    }

    /// The first so many without a result have this one.
    fn fail(&mut self, count: usize, failure: &Failure) {
        for result in self.results.iter_mut().filter(|result| result.is_none()).take(count) {
            *result = Some(Err(failure.same()));
        }
    }

    /// Asks for the first so many without a result.
    ///
    /// # Errors
    /// The program does not answer for all of them, or answers something else; why.
    async fn go_to(&mut self, process: &mut Process, count: usize) -> Result<(), String> {
        let (mut lines, mut open) = (Vec::new(), BTreeSet::new());
        for (at, result) in self.results.iter_mut().enumerate() {
            if open.len() < count && result.is_none() {
                let (Item { input, cx }, id) = (&self.items[at], self.first_id + at as u64);
                match question::line(&mut lines, id, input, cx, self.format) {
                    Ok(()) => _ = open.insert(id),
                    Err(failure) => *result = Some(Err(failure)),
                }
            }
        }
        process.is_idle = false;
        let Process { input, output, .. } = process;
        let input = input.as_mut().ok_or("has no input")?;
        let mut written = false;
        let write = async {
            // Where it no longer reads, the end of its answers tells.
            input.write_all(&lines).await.ok();
        };
        let read = self.answers(output, open);
        let (mut write, mut read) = (std::pin::pin!(write), std::pin::pin!(read));
        let end = loop {
            tokio::select! {
                biased;
                () = &mut write, if !written => written = true,
                end = &mut read => break end,
            }
        };
        if end.is_ok() && !written {
            return Err("answered before it was asked".into());
        }
        process.is_idle = end.is_ok();
        end
    }

    async fn answers(
        &mut self,
        output: &mut BufReader<ChildStdout>,
        mut open: BTreeSet<u64>,
    ) -> Result<(), String> {
        let mut line = Vec::new();
        while !open.is_empty() {
            line.clear();
            let read = (&mut *output).take(LONGEST as u64).read_until(b'\n', &mut line).await;
            let read = read.map_err(|error| format!("cannot be read: {error}"))?;
            if line.last() != Some(&b'\n') {
                return Err(match read {
                    LONGEST => format!("answered with more than {LONGEST} bytes in a line"),
                    _ => "ended".to_owned(),
                });
            }
            let (id, result) = answer::read(&line, self.format).map_err(|why| {
                let said: String =
                    String::from_utf8_lossy(&line).trim_end().chars().take(80).collect();
                format!("answered {said:?}: {why}")
            })?;
            if !open.remove(&id) {
                return Err(format!("answered for id {id}, for which nobody waits"));
            }
            self.results[(id - self.first_id) as usize] = Some(result);
        }
        Ok(())
    }
}

/// A program that runs. Dropped while it is asked it is killed; otherwise its input ends, and it is killed if that
/// does not end it within a second.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    is_idle: bool,
}

impl Process {
    /// Ends it, and says more of why.
    async fn end(mut self, why: String) -> String {
        if why != "ended" {
            return why;
        }
        match tokio::time::timeout(END, self.child.wait()).await {
            Ok(Ok(status)) => format!("ended ({status}) before it had answered"),
            _ => "closed its output before it had answered".to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input.take();
        let until = Instant::now() + END;
        while self.is_idle && Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
