//! The records of a schedule: few keys, offsets with gaps as markers leave them, in bursts.

use crate::plan::{ms, us};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Random;
use stage_sdk::core::Time;

/// Topics that outputs go to, besides the dead letters.
pub(crate) const TARGETS: usize = 2;

/// The retry and the redirect topic, after the outputs and the dead letters.
pub(crate) const RETRY: usize = TARGETS + 1;
pub(crate) const REDIRECT: usize = TARGETS + 2;

/// One record of the input, and what becomes of it when nothing goes wrong.
pub(crate) struct Record {
    pub(crate) offset: i64,
    /// None: it has no key, and no order.
    pub(crate) key: Option<usize>,
    pub(crate) bytes: usize,
    /// When it is in the topic.
    pub(crate) at: Time,
    /// How many outputs go to each target; none at all: it is filtered.
    pub(crate) outputs: [u8; TARGETS],
    /// Its handler rejects it.
    pub(crate) bad: bool,
    /// Its outputs are refused.
    pub(crate) refused: Option<Refusal>,
    /// From then on it is not in the topic any more.
    pub(crate) gone: Option<Time>,
}

impl Record {
    pub(crate) fn is_gone(&self, now: Time) -> bool {
        self.gone.is_some_and(|gone| gone <= now)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.gone.is_some()
    }
}

/// Who refuses an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// The client, when it is sent.
    Client,
    /// The broker.
    Broker,
}

/// What the records of one schedule have in common.
pub(crate) struct Kind {
    pub(crate) keys: usize,
    /// So many that the partition reaches the bound of its metadata.
    pub(crate) long: bool,
    /// How far some are apart: at most far enough for the bound on how far it may run ahead.
    pub(crate) far: Option<(i64, i64)>,
    /// How many are rejected, or refused.
    pub(crate) bad: f64,
    pub(crate) refused: f64,
    /// How many are deleted, whether somebody is done with them or not.
    pub(crate) deleted: f64,
}

/// The records of a partition that is there since then.
pub(crate) fn partition(random: &mut Random, kind: &Kind, since: Time) -> Vec<Record> {
    let count = if kind.long { 1500 } else { random.random_range(0..=20) };
    let (mut offset, mut at) = (random.random_range(0..3), since);
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        at += pause(random, kind.long);
        records.push(record(random, kind, offset, at));
        offset += 1 + gap(random, kind);
    }
    records
}

fn pause(random: &mut Random, long: bool) -> Time {
    match random.random_range(0..100) {
        _ if long => us(random.random_range(0..100)),
        0..70 => us(random.random_range(0..200)),
        70..92 => ms(random.random_range(1..20)),
        _ => ms(random.random_range(50..300)),
    }
}

fn gap(random: &mut Random, kind: &Kind) -> i64 {
    match (random.random_range(0..100), kind.far) {
        (_, Some((least, most))) if kind.long => random.random_range(least..most),
        (0..20, Some((least, most))) => random.random_range(least..most),
        (20..35, _) => random.random_range(1..=3),
        _ => 0,
    }
}

fn record(random: &mut Random, kind: &Kind, offset: i64, at: Time) -> Record {
    let outputs = match random.random_range(0..10) {
        0..6 => [1, 0],
        6 => [0, 0],
        7 => [0, 1],
        8 => [2, 1],
        _ => [1, 1],
    };
    let refusal = if random.random_bool(0.5) { Refusal::Client } else { Refusal::Broker };
    let key = match kind.long {
        true => Some(usize::from(random.random_bool(0.2))),
        false => random.random_bool(0.9).then(|| random.random_range(0..kind.keys)),
    };
    Record {
        offset,
        key,
        bytes: random.random_range(10..60),
        at,
        outputs,
        bad: random.random_bool(kind.bad),
        refused: (outputs != [0, 0] && random.random_bool(kind.refused)).then_some(refusal),
        gone: random.random_bool(kind.deleted).then(|| at + ms(random.random_range(0..800))),
    }
}
