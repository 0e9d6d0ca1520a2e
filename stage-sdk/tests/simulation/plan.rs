//! What one schedule is made of: settings, records, and how often what goes wrong. All of it
//! follows from the seed.

use crate::input::{self, Kind, Record};
use crate::policy::{self, Change};
use crate::trouble::Trouble;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Random;
use stage_sdk::core::{Policy, Retry, Settings, Time};
use std::time::Duration;

pub(crate) fn ms(count: u64) -> Time {
    Duration::from_millis(count)
}

pub(crate) fn us(count: u64) -> Time {
    Duration::from_micros(count)
}

/// How often, how long.
pub(crate) struct Rates {
    /// Commits that do not simply end.
    pub(crate) commit: f64,
    /// Attempts that fail.
    pub(crate) handler: f64,
    /// Markers that come late.
    pub(crate) marker: f64,
    /// Requests that take very long.
    pub(crate) stall: f64,
    /// A request's usual way.
    pub(crate) latency: Time,
    /// Between two troubles, on average.
    pub(crate) trouble: Option<Time>,
}

pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) settings: Settings,
    /// Another retry policy than that of the settings, for whoever starts later.
    pub(crate) change: Option<Change>,
    /// By partition, in offset order.
    pub(crate) records: Vec<Vec<Record>>,
    /// Since when each partition is there: some are added while workers run.
    pub(crate) since: Vec<Time>,
    /// How many of them are deleted at some time.
    pub(crate) deleted: usize,
    pub(crate) keys: usize,
    pub(crate) rates: Rates,
    pub(crate) troubles: Vec<Trouble>,
    /// From then on nothing goes wrong any more.
    pub(crate) calm: Time,
    /// A worker that is dead is declared so after this long.
    pub(crate) session: Time,
    /// The coordinator aborts what is open for longer.
    pub(crate) transaction: Time,
    /// A window of more messages is too slow for the broker, always.
    pub(crate) slow: usize,
    /// Nothing happens but rebalances and stops: a stop must be clean.
    pub(crate) quiet: bool,
    /// What the first key depends on is away, until nothing goes wrong any more.
    pub(crate) stuck: bool,
    /// Between two looks of an operator at what waits, on average; none: nobody looks.
    pub(crate) operator: Option<Time>,
}

fn one_of<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.random_range(0..all.len())]
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Plan {
        // Rarely a partition is so long that it reaches the bound of its metadata.
        let long = random.random_ratio(1, 1000);
        let quiet = !long && random.random_ratio(1, 10);
        let mut settings = settings(random, long);
        let calm = ms(random.random_range(100..1500));
        let mut change =
            (!long && random.random_bool(0.3)).then(|| Change::draw(random, &settings.retry, calm));
        let retries = || [&settings.retry].into_iter().chain(change.iter().map(|c| &c.retry));
        let parks = retries().any(|retry| retry.policy.parks());
        let stops = retries().any(|retry| retry.policy == Policy::Stop);
        let operator =
            (parks && random.random_bool(0.6)).then(|| one_of(random, &[ms(30), ms(150), ms(600)]));
        if operator.is_some() {
            policy::hold_for_operator(random, &mut settings.retry);
            change.iter_mut().for_each(|c| policy::hold_for_operator(random, &mut c.retry));
        }
        let mut rates = rates(random);
        let mut slow = (!long && random.random_bool(0.1)).then(|| random.random_range(6..20));
        if quiet {
            (rates.commit, rates.handler, rates.stall) = (0.0, 0.0, 0.0);
            (rates.marker, slow) = (0.0, None);
            rates.latency = us(200);
            settings.stop = ms(3000);
            settings.timeout = ms(400);
        }
        let kind = Kind {
            keys: if long { 2 } else { random.random_range(1..=5) },
            long,
            far: match long {
                true => random.random_bool(0.7).then_some((1020, 1400)),
                false => random.random_ratio(1, 10).then_some((1 << 17, 1 << 20)),
            },
            bad: if stops || long { 0.0 } else { one_of(random, &[0.0, 0.0, 0.1]) },
            refused: if long { 0.0 } else { one_of(random, &[0.0, 0.0, 0.0, 0.1]) },
            deleted: if random.random_ratio(1, 10) { 0.2 } else { 0.0 },
        };
        let partitions = if long { 1 } else { random.random_range(1..=4) };
        let since = since(random, partitions);
        let records: Vec<Vec<Record>> =
            since.iter().map(|since| input::partition(random, &kind, *since)).collect();
        Plan {
            deleted: records.iter().flatten().filter(|record| record.is_deleted()).count(),
            workers: if random.random_bool(0.25) { 1 } else { 2 },
            settings,
            records,
            since,
            keys: kind.keys,
            rates,
            troubles: Trouble::some(random, quiet),
            calm,
            change,
            session: ms(random.random_range(20..600)),
            transaction: ms(random.random_range(300..3000)),
            slow: slow.unwrap_or(usize::MAX),
            quiet,
            stuck: long || !quiet && random.random_ratio(1, 20),
            operator,
        }
    }
}

/// The first partition is always there.
fn since(random: &mut Random, partitions: usize) -> Vec<Time> {
    let mut since = vec![Time::ZERO; partitions];
    if partitions > 1 && random.random_bool(0.15) {
        let at = ms(random.random_range(5..1500));
        since[random.random_range(1..partitions)..].fill(at);
    }
    since
}

fn rates(random: &mut Random) -> Rates {
    Rates {
        commit: one_of(random, &[0.0, 0.03, 0.15, 0.4]),
        handler: one_of(random, &[0.0, 0.05, 0.3]),
        marker: one_of(random, &[0.0, 0.1, 0.5]),
        stall: one_of(random, &[0.0, 0.02, 0.1]),
        latency: one_of(random, &[us(200), us(1000), us(5000)]),
        trouble: one_of(random, &[None, Some(ms(30)), Some(ms(100)), Some(ms(300))]),
    }
}

fn settings(random: &mut Random, long: bool) -> Settings {
    let mut odd = |one_in, range: std::ops::Range<usize>| {
        (!long && random.random_ratio(1, one_in)).then(|| random.random_range(range))
    };
    let (waiting_bytes, window_bytes) = (odd(5, 50..300), odd(5, 20..200));
    let in_place = Retry { first: ms(10), longest: ms(50), attempts: 3, ..Retry::default() };
    Settings {
        inline: !long && random.random_bool(0.5),
        max_in_flight: random.random_range(1..=8),
        max_waiting: if long { 5000 } else { random.random_range(1..=20) },
        max_waiting_bytes: waiting_bytes.unwrap_or(1 << 20),
        timeout: ms(if long { 1500 } else { random.random_range(20..400) }),
        retry: if long { in_place } else { policy::draw(random) },
        outputs_wait: random.random_bool(0.9),
        commit_interval: ms(random.random_range(1..60)),
        max_window_records: if long { 300 } else { random.random_range(1..=30) },
        max_window_bytes: window_bytes.unwrap_or(1 << 20),
        drain: ms(random.random_range(5..150)),
        stop: ms(random.random_range(100..2000)),
        incarnation: 0,
    }
}
