//! Contenders in turn on the same input, every output counted.

use crate::contender::{Contender, Delivery, Job, STAGE};
use crate::count::{self, Difference, Seen};

use crate::fill::{self, Input};
use crate::pizza::Station;
use crate::place::{Place, fresh};
use crate::quiet;
use crate::run::{self, Run};
use crate::stage::DEAD_LETTERS;
use crate::table::{Column, Row};
use crate::topics::Topics;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::time::Duration;

#[derive(Args, Clone)]
pub(crate) struct Rounds {
    /// How often each contender runs.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Rounds of our own before those, which do not count: a young broker gets faster for a while.
    #[arg(long, default_value_t = 1)]
    pub(crate) warm_up: usize,
    /// Only these contenders, by name.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
}

/// What is measured.
pub(crate) struct Course<'c> {
    pub(crate) input: Input,
    /// One, or a chain of four.
    pub(crate) stations: usize,
    pub(crate) contenders: &'c [&'c Contender],
    pub(crate) deliveries: &'c [Delivery],
    /// What tells this course from others of the same table.
    pub(crate) condition: String,
    /// More arguments for every contender.
    pub(crate) more: Vec<String>,
}

/// One contender with one guarantee, and what its rounds gave.
struct Entry<'c> {
    contender: &'c Contender,
    delivery: Delivery,
    input: Input,
    runs: Vec<Run>,
    note: String,
}

/// An input that is there, and what is in it.
struct Filled {
    topic: String,
    seen: Seen,
}

impl Course<'_> {
    /// Rows in the order of contenders, guarantee by guarantee.
    pub(crate) fn measure(&self, place: &Place, rounds: &Rounds) -> Result<Vec<Row>> {
        let topics = Topics::connect(place)?;
        topics.create(DEAD_LETTERS)?;
        let mut entries = self.entries(place, rounds)?;
        let mut filled = HashMap::new();
        for entry in &entries {
            let records = entry.input.records;
            if let Vacant(vacant) = filled.entry(records) {
                vacant.insert(Filled::with(place, &topics, entry.input)?);
            }
        }
        for round in 0..rounds.warm_up + rounds.rounds {
            let count = entries.len();
            for turn in 0..count {
                // Whoever comes first may find the machine in another state.
                let entry = &mut entries[(turn + round) % count];
                let counts = round >= rounds.warm_up;
                if entry.note.starts_with("failed") || !counts && !entry.contender.ours() {
                    continue;
                }
                let name = if counts { round + 1 - rounds.warm_up } else { 0 };
                let input = &filled[&entry.input.records];
                let found = self.run(place, &topics, entry, input);
                entry.take(&self.condition, name, found)?;
            }
        }
        Ok(entries.into_iter().map(|entry| entry.row(&self.condition)).collect())
    }

    fn entries(&self, place: &Place, rounds: &Rounds) -> Result<Vec<Entry<'_>>> {
        let mut entries = Vec::new();
        for delivery in self.deliveries {
            for contender in self.contenders {
                let wanted =
                    rounds.only.is_empty() || rounds.only.iter().any(|name| name == contender.name);
                if !wanted || !contender.deliveries.contains(delivery) {
                    continue;
                }
                if let Some(why) = contender.missing(place) {
                    println!("SKIPPED: {}: {why}", contender.title);
                    continue;
                }
                let enough = contender.enough.unwrap_or(self.input.records);
                let input = Input { records: enough.min(self.input.records), ..self.input };
                let (runs, note) = (Vec::new(), String::new());
                entries.push(Entry { contender, delivery: *delivery, input, runs, note });
            }
        }
        if entries.is_empty() {
            bail!("none of the contenders {:?} is part of this", rounds.only);
        }
        Ok(entries)
    }

    /// One run into fresh topics, by fresh groups; its output is compared, and all of them deleted.
    fn run(
        &self,
        place: &Place,
        topics: &Topics,
        entry: &Entry<'_>,
        filled: &Filled,
    ) -> Result<(Run, Difference)> {
        let course = fresh(entry.contender.name);
        let mut names = vec![filled.topic.clone()];
        names.extend((1..=self.stations).map(|at| format!("{course}-{at}")));
        for name in &names[1..] {
            topics.create_with(name, entry.input.partitions)?;
        }
        let records = entry.input.records;
        let warm_up = if entry.contender.warms_up() { records / 5 } else { 0 };
        let jobs = names.windows(2).zip(Station::ALL).map(|(pair, field)| Job {
            input: pair[0].clone(),
            output: pair[1].clone(),
            group: format!("{course}-{}", field.name()),
            records,
            warm_up,
            delivery: entry.delivery,
            field,
            value: crate::pizza::TOPPING.into(),
        });
        let jobs: Vec<Job> = jobs.collect();
        quiet::wait(Duration::from_secs(place.patience))?;
        let run = run::run(place, entry.contender, &jobs, &self.more)?;
        let output = count::read(place, &names[self.stations], entry.input, self.stations)?;
        for name in &names[1..] {
            topics.delete(name)?;
        }
        Ok((run, Difference::between(&filled.seen, &output)))
    }
}

impl Filled {
    fn with(place: &Place, topics: &Topics, input: Input) -> Result<Filled> {
        let topic = fill::input(place, topics, input)?;
        let seen = count::read(place, &topic, input, 0)?;
        let found = Difference::between(&seen, &seen);
        if !found.none() {
            bail!("the input itself: {found}");
        }
        Ok(Filled { topic, seen })
    }
}

impl Entry<'_> {
    /// A peer that fails or loses something is shown as such; ours may not. Round 0 does not count.
    fn take(
        &mut self,
        condition: &str,
        round: usize,
        found: Result<(Run, Difference)>,
    ) -> Result<()> {
        let (title, delivery) = (self.contender.title, self.delivery.words());
        let (run, difference) = match found {
            Err(error) if !self.contender.ours() => {
                println!("{title}, {delivery}: {error:#}");
                self.note = format!("failed: {error}");
                return Ok(());
            }
            found => found.with_context(|| format!("{title}, {delivery}"))?,
        };
        // Another partitioner is a peer's good right.
        let difference = Difference {
            moved: if self.contender.ours() { difference.moved } else { 0 },
            ..difference
        };
        if !difference.none() {
            if self.contender.ours() {
                bail!("the output of {title}, {delivery}: {difference}");
            }
            self.note = difference.to_string();
        }
        println!(
            "round {round} {condition} {delivery:<13} {title:<24} {:>9.0} records/s {:>7.2} CPU s/M, broker {:>6.2}, {:>7.1} MB {}",
            run.records_per_second, run.cpu_seconds, run.broker_cpu_seconds, run.peak_mb, self.note
        );
        if round > 0 {
            self.runs.push(run);
        }
        Ok(())
    }

    fn row(self, condition: &str) -> Row {
        let column = |name: &str, of: fn(&Run) -> f64| Column {
            name: name.into(),
            rounds: self.runs.iter().map(of).filter(|value| value.is_finite()).collect(),
        };
        Row {
            contender: self.contender.title.into(),
            ours: self.contender.name == STAGE.name,
            delivery: Some(self.delivery),
            condition: condition.into(),
            records: self.input.records,
            columns: vec![
                column("records/s", |run| run.records_per_second),
                column("CPU s/M", |run| run.cpu_seconds),
                column("broker CPU s/M", |run| run.broker_cpu_seconds),
                column("peak MB", |run| run.peak_mb),
                column("first record, ms", |run| run.start_ms),
            ],
            note: self.note,
        }
    }
}
