//! A run: random steps from a seed. `STAGE_MODEL_SEED` repeats one, `STAGE_MODEL_STEPS` says how
//! long it is.

use super::dice::Dice;
use super::log::{Fate, Fates, Log, Record};
use super::read::fetch;
use super::writer::Writer;
use crate::ask::topic::Place;
use crate::ask::transaction::{ADD, PRODUCE};
use crate::batch::Batch;
use crate::engine::{self, Engine, engine};
use crate::process::Process;
use crate::said::Said;
use crate::talk::{Talk, now, until};
use kafka_protocol::ResponseError::OutOfOrderSequenceNumber;

/// A new segment with each batch, cleaned as soon as the cleaner comes along. Tombstones stay for
/// longer than somebody takes to read everything.
const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.001"),
    ("segment.ms", "1"),
    ("delete.retention.ms", "5000"),
];

struct Run {
    /// Ours; an Apache Kafka is shared, and left in peace.
    broker: Option<Process>,
    talk: Talk,
    dice: Dice,
    logs: Vec<(Place, Log)>,
    writers: Vec<Writer>,
    fates: Fates,
    /// Makes each value another.
    values: usize,
}

impl Run {
    fn new(seed: u64) -> Run {
        let broker = (engine() == Engine::Own).then(Process::start);
        let address = broker.as_ref().map_or(engine::address(), |broker| &broker.address);
        let mut talk = Talk::at(address);
        let plain = talk.topic(2);
        let compacted = talk.topic_with(1, &COMPACTED);
        let logs = vec![
            ((&plain, 0).into(), Log::new(false)),
            ((&plain, 1).into(), Log::new(false)),
            ((&compacted, 0).into(), Log::new(true)),
        ];
        let plain = [talk.producer(), talk.producer()].map(Writer::new);
        let transactional = [(); 3].map(|()| Writer::of(talk.transaction()));
        let writers = plain.into_iter().chain(transactional).collect();
        let (dice, fates) = (Dice::new(seed), Vec::new());
        Run { broker, talk, dice, logs, writers, fates, values: 0 }
    }

    fn step(&mut self) {
        let (writer, log) = (self.dice.below(self.writers.len()), self.dice.below(self.logs.len()));
        match self.dice.below(100) {
            0..45 => self.write(writer, log),
            45..50 => self.write_again(writer, log),
            50..53 => self.leave_out(writer, log),
            53..60 => self.end(writer, true),
            60..66 => self.end(writer, false),
            66..68 => self.take_over(writer),
            68..90 => self.read(log),
            90..98 => drop(self.read_all(log)),
            _ => self.kill(),
        }
    }

    /// Between one record and four.
    fn records(&mut self, log: usize) -> Vec<Record> {
        let compacted = self.logs[log].1.compacted;
        let count = 1 + self.dice.below(4);
        let one = |_| {
            self.values += 1;
            let value = (!compacted || !self.dice.once_in(6)).then(|| self.values.to_string());
            Record { key: format!("key-{}", self.dice.below(6)), value }
        };
        (0..count).map(one).collect()
    }

    /// Has the partition in the writer's transaction, if it writes in such.
    fn begin(&mut self, writer: usize, log: usize) {
        let writer = &mut self.writers[writer];
        let Some(transaction) = &writer.transaction else { return };
        let (_, partitions) = writer.open.get_or_insert_with(|| {
            self.fates.push(Fate::Open);
            (self.fates.len() - 1, Vec::new())
        });
        if !partitions.contains(&log) {
            let place = self.logs[log].0.clone();
            assert_eq!(self.talk.add(ADD, transaction, place), Ok(()));
            partitions.push(log);
        }
    }

    fn send(&mut self, writer: usize, log: usize, batch: &Batch) -> Said<i64> {
        let place = self.logs[log].0.clone();
        match &self.writers[writer].transaction {
            Some(transaction) => self.talk.produce_in(PRODUCE, &transaction.id, place, batch),
            None => self.talk.produce(PRODUCE, place, batch),
        }
    }

    fn write(&mut self, writer: usize, log: usize) {
        self.begin(writer, log);
        let records = self.records(log);
        let batch = self.writers[writer].next(log, batch(&records), 0);
        let offset = self.logs[log].1.end();
        assert_eq!(self.send(writer, log, &batch), Ok(offset));
        let writer = &mut self.writers[writer];
        writer.wrote(log, batch, records.len() as i32, offset);
        self.logs[log].1.push(records, writer.number());
    }

    /// The last batch once more: it is where it was.
    fn write_again(&mut self, writer: usize, log: usize) {
        if let Some((batch, offset)) = self.writers[writer].last(log) {
            assert_eq!(self.send(writer, log, &batch), Ok(offset));
        }
    }

    /// A batch with one missing before it.
    fn leave_out(&mut self, writer: usize, log: usize) {
        if self.writers[writer].last(log).is_some() {
            self.begin(writer, log);
            let records = self.records(log);
            let batch = self.writers[writer].next(log, batch(&records), 1);
            assert_eq!(self.send(writer, log, &batch), Err(OutOfOrderSequenceNumber));
        }
    }

    fn end(&mut self, writer: usize, commit: bool) {
        let Some(open) = self.writers[writer].open.take() else { return };
        let transaction = self.writers[writer].transaction.as_ref().expect("its transaction");
        self.talk.finish(transaction, commit);
        self.ended(open, if commit { Fate::Committed } else { Fate::Aborted });
    }

    /// A successor, which aborts what is open.
    fn take_over(&mut self, writer: usize) {
        let Some(transaction) = &self.writers[writer].transaction else { return };
        let next = Writer::of(self.talk.takeover(transaction));
        let former = std::mem::replace(&mut self.writers[writer], next);
        if let Some(open) = former.open {
            self.ended(open, Fate::Aborted);
        }
    }

    fn ended(&mut self, (number, partitions): (usize, Vec<usize>), fate: Fate) {
        self.fates[number] = fate;
        partitions.into_iter().for_each(|log| self.logs[log].1.push_marker());
    }

    /// One fetch, from anywhere.
    fn read(&mut self, log: usize) {
        let (place, log) = &self.logs[log];
        let from = self.dice.below(log.end() as usize + 1) as i64;
        let (committed, limit) = (self.dice.once_in(2), [1, 300, 2_000, 1 << 20]);
        let limit = limit[self.dice.below(4)];
        let seen = fetch(&mut self.talk, place, from, committed, limit);
        log.check(&seen, from, committed, &self.fates);
    }

    /// All that is committed; how many records that is.
    fn read_all(&mut self, log: usize) -> usize {
        let (place, log) = &self.logs[log];
        let (mut from, mut all) = (0, Vec::new());
        while from < log.stable_end(&self.fates) {
            let seen = fetch(&mut self.talk, place, from, true, 2_000);
            log.check(&seen, from, true, &self.fates);
            from = seen.next;
            all.extend(seen.records);
        }
        log.check_latest(&all, &self.fates);
        all.len()
    }

    fn kill(&mut self) {
        if let Some(broker) = &mut self.broker {
            broker.kill();
            self.talk = Talk::at(&broker.address);
        }
    }

    /// Ends what is open, and writes until the cleaner has left little more than a value a key.
    fn compact(&mut self) {
        (0..self.writers.len()).for_each(|writer| self.end(writer, true));
        let log = self.logs.len() - 1;
        until("a clean log", || {
            self.write(0, log);
            (self.read_all(log) < 40 && self.logs[log].1.end() > 100).then_some(())
        });
    }
}

fn batch(records: &[Record]) -> Batch {
    let records: Vec<_> = records.iter().map(|r| (Some(&*r.key), r.value.as_deref())).collect();
    Batch::keyed(&records)
}

/// A number from the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn random_steps_show_what_the_model_holds() {
    let steps = given("STAGE_MODEL_STEPS").unwrap_or(400);
    let seeds = match given("STAGE_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => now() as u64..now() as u64 + 8,
    };
    for seed in seeds {
        let mut run = Run::new(seed);
        for step in 0..steps {
            eprintln!("seed {seed} step {step}"); // shown if it fails
            run.step();
        }
        if run.broker.is_some() {
            run.compact();
        }
    }
}
