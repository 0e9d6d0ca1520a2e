//! A contender in a process of its own, and the time it takes.
//!
//! The time runs from the first record it is given, by its own account, until we see the group's
//! committed offsets at the end of the input: the same for all contenders, and not their own word.

use crate::place::Place;
use crate::topics::{PARTITIONS, Topics};
use crate::usage::Usage;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a contender says once it has handled all records and is about to commit the last.
const HANDLED: &str = "handled";

/// How long a run may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Delivery {
    ExactlyOnce,
    AtLeastOnce,
}

impl Delivery {
    pub(crate) const BOTH: [Delivery; 2] = [Delivery::ExactlyOnce, Delivery::AtLeastOnce];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Delivery::ExactlyOnce => "exactly-once",
            Delivery::AtLeastOnce => "at-least-once",
        }
    }
}

impl From<Delivery> for stage_sdk::Delivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::ExactlyOnce => stage_sdk::Delivery::ExactlyOnce,
            Delivery::AtLeastOnce => stage_sdk::Delivery::AtLeastOnce,
        }
    }
}

/// What a contender is to do.
#[derive(Args, Clone)]
pub(crate) struct Job {
    /// The topic to read, from the beginning.
    #[arg(long)]
    pub(crate) input: String,
    /// The topic to write.
    #[arg(long)]
    pub(crate) output: String,
    /// A consumer group that nobody used before.
    #[arg(long)]
    pub(crate) group: String,
    /// How many records to handle.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: u64,
    /// Whether outputs and offsets take effect together.
    #[arg(long, default_value = "exactly-once")]
    pub(crate) delivery: Delivery,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) records_per_second: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mb: f64,
    /// How busy the machine was with something else just before, from 0 to 1.
    pub(crate) busy_before: f64,
}

/// Called by a contender: all records are handled.
pub(crate) fn handled() {
    println!("{HANDLED}");
    std::io::stdout().flush().ok();
}

/// Runs `bench raw` or `bench stage` to its end; `more`: further arguments.
pub(crate) fn run(place: &Place, kind: &str, job: &Job, more: &[String]) -> Result<Run> {
    let ends = Topics::connect(place)?.ends(&job.input)?;
    let watcher: BaseConsumer =
        place.reader(&job.group).set("isolation.level", "read_uncommitted").create()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(kind).args(place.arguments()).args(more);
    command.args(["--input", &job.input, "--output", &job.output, "--group", &job.group]);
    command.args(["--records", &job.records.to_string(), "--delivery", job.delivery.name()]);
    let mut child = command.stdout(Stdio::piped()).spawn().context("start a contender")?;
    let measured = watch(&mut child, &watcher, &job.input, &ends);
    if measured.is_err() {
        child.kill().ok();
    }
    let status = child.wait()?;
    let (usage, end) = measured.with_context(|| format!("{kind}, {}", job.delivery.name()))?;
    ensure!(status.success(), "{kind} ended with {status}");
    let seconds = end.saturating_sub(usage.first) as f64 / 1e6;
    Ok(Run {
        seconds,
        records_per_second: job.records as f64 / seconds,
        cpu_seconds: usage.cpu_seconds,
        peak_mb: usage.peak_mb,
        busy_before: 0.0,
    })
}

fn watch(
    child: &mut Child,
    watcher: &BaseConsumer,
    input: &str,
    ends: &[i64],
) -> Result<(Usage, u64)> {
    let lines = lines(child)?;
    let said = lines.recv_timeout(PATIENCE).context("it did not handle all records")?;
    ensure!(said == HANDLED, "it said {said:?}");
    let end = committed(watcher, input, ends)?;
    let usage = lines.recv_timeout(PATIENCE).context("it did not end")?;
    Ok((serde_json::from_str(&usage)?, end))
}

fn lines(child: &mut Child) -> Result<Receiver<String>> {
    let output = BufReader::new(child.stdout.take().context("no output")?);
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
    });
    Ok(heard)
}

/// Waits until the group has committed all of the input; tells when.
fn committed(watcher: &BaseConsumer, input: &str, ends: &[i64]) -> Result<u64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(input, 0, PARTITIONS - 1);
    let until = Instant::now() + PATIENCE;
    loop {
        let found = watcher.committed_offsets(asked.clone(), PATIENCE)?;
        let at = |number| found.find_partition(input, number).map(|found| found.offset());
        // A partition without records is never committed.
        let done =
            |(number, end): (i32, &i64)| *end == 0 || at(number) == Some(Offset::Offset(*end));
        if (0..).zip(ends).all(done) {
            return Ok(crate::place::micros());
        }
        ensure!(Instant::now() < until, "it did not commit all records: {found:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
