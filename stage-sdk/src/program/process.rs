//! A running program, and a question to it.

use super::Format;
use super::answer::{self, Records};
use super::question::{self, Given};
use crate::batched::Item;
use crate::failure::{Failure, Result};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

/// The longest answer.
const LONGEST: usize = 16 << 20;

/// An idle program has so long to end when its input does.
const END: Duration = Duration::from_secs(1);

/// What is asked, and what came of it.
pub(super) struct Asked<'a> {
    items: &'a [Item<Given>],
    /// The id of the first.
    first_id: u64,
    format: Format,
    results: Vec<Option<Result<Records>>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(items: &'a [Item<Given>], first_id: u64, format: Format) -> Asked<'a> {
        Asked { items, first_id, format, results: items.iter().map(|_| None).collect() }
    }

    /// A result for each, where none is open any more.
    pub(super) fn results(self) -> Vec<Result<Records>> {
        self.results.into_iter().flatten().collect()
    }

    pub(super) fn is_open(&self) -> bool {
        self.results.iter().any(Option::is_none)
    }

    /// The first so many without a result have this one.
    pub(super) fn fail(&mut self, count: usize, failure: &Failure) {
        for result in self.results.iter_mut().filter(|result| result.is_none()).take(count) {
            *result = Some(Err(failure.same()));
        }
    }

    /// Asks for the first so many without a result. `patience`: how long the program may say nothing.
    ///
    /// # Errors
    /// The program does not answer for all of them, or answers something else; why.
    pub(super) async fn go_to(
        &mut self,
        process: &mut Process,
        count: usize,
        patience: Duration,
    ) -> Result<(), String> {
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
        let read = self.answers(output, open, patience);
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
        patience: Duration,
    ) -> Result<(), String> {
        let mut line = Vec::new();
        while !open.is_empty() {
            line.clear();
            let mut limited = (&mut *output).take(LONGEST as u64);
            let read = timeout(patience, limited.read_until(b'\n', &mut line)).await;
            let read = read.map_err(|_| format!("has said nothing for {patience:?}"))?;
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
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    is_idle: bool,
}

impl Process {
    /// One whose input and output are pipes; none: they are not.
    pub(super) fn of(mut child: Child) -> Option<Process> {
        let (input, output) = (child.stdin.take()?, child.stdout.take()?);
        Some(Process { child, input: Some(input), output: BufReader::new(output), is_idle: true })
    }

    /// Ends it, and says more of why.
    pub(super) async fn end(mut self, why: String) -> String {
        if why != "ended" {
            return why;
        }
        match timeout(END, self.child.wait()).await {
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
