//! A contender's processes on a job, and the time they take.
//!
//! The time runs from the first record that counts, by the contender's own account, until we see its
//! group's committed offsets at the end of its input. Peers commit when they please, some every 30 s:
//! theirs ends with the last record they handled. CPU time is that of the same while, memory the most
//! until its end.

use crate::contender::{Contender, Delivery, Job};
use crate::place::{Place, micros};
use crate::topics::Topics;
use crate::usage;
use anyhow::{Context, Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::fs::{File, create_dir_all};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long a run may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(400);

/// How long a peer is waited for that commits when it pleases.
const COMMITS: Duration = Duration::from_secs(8);

/// How long a contender may take to end.
const END: Duration = Duration::from_secs(15);

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) records_per_second: f64,
    /// Of all its processes, for a million records.
    pub(crate) cpu_seconds: f64,
    /// Of the broker, for a million records.
    pub(crate) broker_cpu_seconds: f64,
    /// Of all its processes together.
    pub(crate) peak_mb: f64,
    /// From the start of the processes to the first record; not known of one that warms up.
    pub(crate) start_ms: f64,
}

/// What was known when a process said something.
struct Mark {
    time: u64,
    /// CPU seconds it had used.
    cpu: f64,
    /// CPU seconds the broker had used.
    broker_cpu: f64,
}

/// The processes of one contender, a job each; dropped, they are killed.
pub(crate) struct Processes {
    title: &'static str,
    /// Where what they say beside that is found.
    log: PathBuf,
    all: Vec<Process>,
}

struct Process {
    child: Child,
    heard: Receiver<(String, Mark)>,
}

impl Processes {
    pub(crate) fn start(
        place: &Place,
        contender: &Contender,
        jobs: &[Job],
        more: &[String],
    ) -> Result<Processes> {
        let log = place.log(contender.name);
        let mut this = Processes { title: contender.title, log, all: Vec::new() };
        for job in jobs {
            let mut command = contender.command(place, job)?;
            command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(open(&this.log)?);
            let child = command.spawn();
            let mut child = child.with_context(|| format!("start {}", contender.title))?;
            let output = BufReader::new(child.stdout.take().context("no output")?);
            let (tell, heard) = channel();
            let (pid, broker) = (child.id(), place.broker_pid);
            std::thread::spawn(move || listen(output, pid, broker, &tell));
            this.all.push(Process { child, heard });
        }
        Ok(this)
    }

    /// What the process says next, which has to be this.
    fn said(&self, which: usize, what: &str) -> Result<Mark> {
        let process = &self.all[which];
        let heard = process.heard.recv_timeout(PATIENCE);
        let (said, mark) = heard.with_context(|| {
            let (title, log) = (self.title, self.log.display());
            format!("{title} ended, or takes too long, before it said '{what}'; see {log}")
        })?;
        ensure!(said == what, "{} said {said:?} where '{what}' was expected", self.title);
        Ok(mark)
    }

    /// When the process of this number handled its first record that counts.
    pub(crate) fn first(&self, which: usize) -> Result<u64> {
        Ok(self.said(which, "first")?.time)
    }

    fn pids(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|process| process.child.id())
    }

    /// What they have used most, all together.
    pub(crate) fn peak_mb(&self) -> Result<f64> {
        self.pids().map(|pid| usage::mb(pid, "VmHWM:")).sum()
    }

    /// Asks them to end and waits for it.
    pub(crate) fn stop(mut self) -> Result<()> {
        for pid in self.pids() {
            Command::new("kill").arg(pid.to_string()).status()?;
        }
        let until = Instant::now() + END;
        for process in &mut self.all {
            let status = loop {
                if let Some(status) = process.child.try_wait()? {
                    break status;
                }
                if Instant::now() > until {
                    println!("{} did not end {END:?} after SIGTERM; killed", self.title);
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            // Who does not listen to the signal has none.
            let well = status.code().is_none_or(|code| code == 0);
            ensure!(well, "{} ended with {status}; see {}", self.title, self.log.display());
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for Process { child, .. } in &mut self.all {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// To be written to at its end.
fn open(log: &Path) -> Result<File> {
    let directory = log.parent().unwrap_or(Path::new("."));
    let file = create_dir_all(directory)
        .and_then(|()| File::options().create(true).append(true).open(log));
    file.with_context(|| format!("open {}", log.display()))
}

/// Hands on each line with what is known then.
fn listen(
    output: impl BufRead,
    pid: u32,
    broker: Option<u32>,
    tell: &Sender<(String, Mark)>,
) -> Option<()> {
    for line in output.lines() {
        let line = line.ok()?;
        let time = micros();
        let cpu = usage::cpu_seconds(pid).ok()?;
        tell.send((line, Mark { time, cpu, broker_cpu: of(broker) })).ok()?;
    }
    None
}

fn of(broker: Option<u32>) -> f64 {
    broker.and_then(|pid| usage::cpu_seconds(pid).ok()).unwrap_or(f64::NAN)
}

/// One run to its end: a job, or a chain of them.
pub(crate) fn run(
    place: &Place,
    contender: &Contender,
    jobs: &[Job],
    more: &[String],
) -> Result<Run> {
    let (Some(job), end) = (jobs.last(), jobs.len() - 1) else { bail!("no job") };
    let topics = Topics::connect(place)?;
    let watcher: BaseConsumer =
        place.reader(&job.group).set("isolation.level", "read_uncommitted").create()?;
    let begin = micros();
    let processes = Processes::start(place, contender, jobs, more)?;
    let firsts: Vec<Mark> =
        (0..jobs.len()).map(|at| processes.said(at, "first")).collect::<Result<_>>()?;
    let until_committed = |patience| -> Result<()> {
        // Behind the last record of a chain's topic lies the mark of its transaction.
        let marks = i64::from(end > 0 && job.delivery == Delivery::ExactlyOnce);
        committed(&watcher, &job.input, &topics.ends(&job.input)?, marks, patience)
    };
    let what = || format!("{}, {}", contender.title, job.delivery.words());
    let handled = processes.said(end, "handled").with_context(what)?;
    if contender.ours() {
        until_committed(PATIENCE).with_context(what)?;
    }
    let time = if contender.ours() { micros() } else { handled.time };
    let mut cpu = 0.0;
    for (pid, first) in processes.pids().zip(&firsts) {
        cpu += usage::cpu_seconds(pid)? - first.cpu;
    }
    // A chain is on its way with its first record; one that warms up, once its last stage has.
    let first = if job.warm_up > 0 { &firsts[end] } else { &firsts[0] };
    let broker_cpu = of(place.broker_pid) - first.broker_cpu;
    if !contender.ours() {
        // Who is stopped before may have the last to do again.
        until_committed(COMMITS).ok();
    }
    let peak_mb = processes.peak_mb()?;
    processes.stop()?;
    let seconds = time.saturating_sub(first.time) as f64 / 1e6;
    let records = (job.records - job.warm_up) as f64;
    Ok(Run {
        records_per_second: records / seconds,
        cpu_seconds: cpu / records * 1e6,
        broker_cpu_seconds: broker_cpu / records * 1e6,
        peak_mb,
        start_ms: match job.warm_up {
            0 => firsts[0].time.saturating_sub(begin) as f64 / 1e3,
            _ => f64::NAN,
        },
    })
}

/// Waits until the group has committed all of the input but the marks at the end of each partition.
fn committed(
    watcher: &BaseConsumer,
    input: &str,
    ends: &[i64],
    marks: i64,
    patience: Duration,
) -> Result<()> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(input, 0, ends.len() as i32 - 1);
    let until = Instant::now() + patience;
    loop {
        let found = watcher.committed_offsets(asked.clone(), PATIENCE)?;
        let at = |number| match found.find_partition(input, number).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => 0,
        };
        if (0..).zip(ends).all(|(number, end)| at(number) >= end - marks) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "it did not commit all records: {found:?}, ends {ends:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
