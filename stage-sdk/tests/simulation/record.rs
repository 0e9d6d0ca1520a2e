//! What was asked of the model of the broker, and what it answered, as lines of text: `tests/model` asks the
//! same of real brokers.
//!
//! A producer is `identity.epoch`, a message is a number, `+` is committed and `-` is aborted.

use crate::broker::Broker;
use crate::case::Case;
use crate::logs::State;
use crate::transaction::{No, Offset, Producer};
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt::Write;

const KEPT: &str = include_str!("recorded.txt");

const RENEW: &str = "SIMULATION_RENEW=1 cargo test -p stage-sdk --release --test simulation recorded -- --nocapture";

/// Longer ones are left out: a real broker takes its time.
const LONGEST: usize = 120;

/// As many are kept for each of what a schedule should have.
const EACH: usize = 5;

/// What a schedule should have: a fenced write, a fenced end, a time-out, a transaction that a successor ends,
/// one that its owner aborts, and offsets.
const WANTED: [&str; 6] = ["open . no", "commit . no", "timeout", "ends", "abort . yes", "offsets"];

#[derive(Default)]
pub(crate) struct Record {
    lines: Option<Vec<String>>,
    messages: usize,
    /// The messages of each log.
    logs: BTreeMap<usize, Vec<usize>>,
    /// Answers about offsets; the same one is recorded once.
    told: Vec<String>,
}

impl Record {
    fn line(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    /// The answer to a request for a new epoch.
    pub(crate) fn renew(&mut self, identity: usize, answer: &Result<Producer, Option<usize>>) {
        match answer {
            Ok(producer) => self.line(|| format!("renew {identity} -> {}", producer.epoch)),
            Err(Some(_)) => self.line(|| format!("renew {identity} -> ends")),
            Err(None) => {}
        }
    }

    /// A request that opens a transaction, or goes on with it.
    pub(crate) fn open(&mut self, producer: Producer, answer: Result<Option<usize>, No>) {
        if answer == Err(No::Fenced) {
            self.line(|| format!("open {} -> no", name(producer)));
        }
    }

    pub(crate) fn write(&mut self, producer: Option<Producer>, log: usize) {
        if self.lines.is_none() {
            return;
        }
        let message = self.messages;
        self.messages += 1;
        self.logs.entry(log).or_default().push(message);
        self.line(|| match producer {
            Some(producer) => format!("write {} {log} {message}", name(producer)),
            None => format!("alone {log} {message}"),
        });
    }

    pub(crate) fn offsets(&mut self, producer: Producer, offsets: &[(usize, Offset)]) {
        let one = |(of, offset): &(usize, Offset)| told(*of, Some(offset));
        let all = || offsets.iter().map(one).collect::<String>();
        self.line(|| format!("offsets {}{}", name(producer), all()));
    }

    pub(crate) fn end(
        &mut self,
        producer: Producer,
        commit: bool,
        answer: Result<Option<usize>, No>,
    ) {
        let how = if commit { "commit" } else { "abort" };
        let answer = match answer {
            Ok(Some(_)) => "yes",
            Ok(None) => return,
            Err(_) => "no",
        };
        self.line(|| format!("{how} {} -> {answer}", name(producer)));
    }

    pub(crate) fn time_out(&mut self, producer: Producer) {
        self.line(|| format!("timeout {}", name(producer)));
    }

    pub(crate) fn committed(&mut self, partitions: &[usize], offsets: &[Option<Offset>]) {
        if self.lines.is_some() {
            let all = partitions.iter().zip(offsets);
            let all: String = all.map(|(of, offset)| told(*of, offset.as_ref())).collect();
            if !self.told.contains(&all) {
                self.line(|| format!("committed{all}"));
                self.told.push(all);
            }
        }
    }
}

fn name(producer: Producer) -> String {
    format!("{}.{}", producer.identity, producer.epoch)
}

fn told(partition: usize, offset: Option<&Offset>) -> String {
    match offset {
        Some((offset, metadata)) => format!(" {partition}={offset}={metadata}"),
        None => format!(" {partition}="),
    }
}

impl Broker {
    /// From now on what is asked of it is recorded.
    fn listen(&mut self) {
        self.record.lines = Some(Vec::new());
    }

    /// What was recorded, and what is there in the end.
    fn told(&mut self) -> Vec<String> {
        let mut lines = self.record.lines.take().unwrap_or_default();
        for (log, messages) in &self.record.logs {
            let mut line = format!("log {log}");
            for (message, state) in messages.iter().zip(self.logs[*log].states()) {
                let sign = match state {
                    State::Committed => '+',
                    State::Aborted => '-',
                    State::Open => '?',
                };
                write!(line, " {message}{sign}").expect("text takes everything");
            }
            lines.push(line);
        }
        lines
    }
}

/// What a schedule asks of the broker, with what it is about before it.
fn recorded(seed: u64) -> Vec<String> {
    let case = Case::new(seed, None);
    let mut world = World::new(&case, false);
    world.broker.listen();
    world.run().unwrap_or_else(|broken| panic!("{case:?}: {broken}"));
    let mut lines = vec![format!("schedule {seed} {}", world.plan.records.len())];
    lines.extend(world.broker.told());
    lines
}

/// Whether a line says this: its words, of which `.` is any.
fn says(line: &str, wanted: &str) -> bool {
    let mut words = line.split_whitespace().filter(|word| *word != "->");
    let same = |wanted: &str| words.any(|word| wanted == "." || word == wanted);
    wanted.split_whitespace().all(same)
}

#[test]
fn recorded_schedules_are_as_they_were() {
    if crate::number("SIMULATION_RENEW").is_some() {
        let all = (0..20_000).map(recorded).filter(|lines| lines.len() <= LONGEST);
        let all: Vec<_> = all.collect();
        let mut kept = Vec::new();
        for wanted in WANTED {
            let has = |lines: &&Vec<String>| lines.iter().any(|line| says(line, wanted));
            let fresh = |lines: &&Vec<String>| !kept.contains(*lines);
            let found: Vec<_> = all.iter().filter(has).filter(fresh).take(EACH).cloned().collect();
            assert!(!found.is_empty(), "no schedule has {wanted:?}");
            kept.extend(found);
        }
        let text: String = kept.iter().map(|lines| lines.join("\n") + "\n").collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/recorded.txt");
        return std::fs::write(path, text).expect("recorded.txt is written");
    }
    let seeds = KEPT.lines().filter_map(|line| line.strip_prefix("schedule ")?.split(' ').next());
    let seeds: Vec<u64> = seeds.map(|seed| seed.parse().expect("a seed")).collect();
    assert!(!seeds.is_empty());
    let now: Vec<String> = seeds.into_iter().flat_map(recorded).collect();
    let kept: Vec<&str> = KEPT.lines().collect();
    for (line, (now, kept)) in now.iter().zip(&kept).enumerate() {
        assert_eq!(
            now,
            kept,
            "recorded.txt, line {}; where plans are drawn in another way:\n{RENEW}",
            line + 1
        );
    }
    assert_eq!(now.len(), kept.len(), "recorded.txt has other lines\n{RENEW}");
}
