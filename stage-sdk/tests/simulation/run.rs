//! Many schedules, on all cores.

use crate::case::Case;
use crate::faults::Fault;
use crate::oracle::Broken;
use crate::world::World;
use stage_sdk::core::Ended;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Schedules taken by a thread at once.
const CHUNK: u64 = 64;

macro_rules! counts {
    ($($name:ident),*) => {
        /// What the schedules met with: what is never met is not tested.
        #[derive(Clone, Copy, Default, Debug)]
        pub(crate) struct Counts {
            $(pub(crate) $name: u64,)*
            /// Unknown outcomes that turned out not to have taken effect, and those that had.
            pub(crate) looked_up: [u64; 2],
        }

        impl Counts {
            fn add(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
                self.looked_up[0] += other.looked_up[0];
                self.looked_up[1] += other.looked_up[1];
            }

            /// What never happened.
            pub(crate) fn missing(&self) -> Vec<&'static str> {
                let mut missing = Vec::new();
                $(if self.$name == 0 { missing.push(stringify!($name)); })*
                if self.looked_up.contains(&0) {
                    missing.push("looked_up");
                }
                missing
            }
        }
    };
}

counts!(
    schedules,
    steps,
    committed,
    aborted,
    slow,
    refused,
    broken,
    unknown,
    timed_out,
    stale,
    replaced,
    dead_letters,
    cancelled,
    at_once,
    paused,
    revoked,
    lost,
    expired,
    added,
    policy_changed,
    policy_refused,
    side_by_side,
    passed,
    to_ordered,
    to_alone,
    reconsidered,
    crashed,
    outages,
    opened,
    levers,
    ahead,
    parked,
    again,
    taken_over,
    barred,
    cleaned,
    commanded,
    given_up,
    hurried,
    replayed,
    answered,
    too_late,
    stopped,
    unfinished,
    failed
);

impl Counts {
    pub(crate) fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Committed => {}
            Ended::Aborted => self.aborted += 1,
            Ended::TimedOut => self.slow += 1,
            Ended::Refused => self.refused += 1,
            Ended::Broken => self.broken += 1,
            Ended::Unknown => self.unknown += 1,
        }
    }
}

/// The schedule that broke a rule first.
pub(crate) struct Found {
    pub(crate) case: Case,
    pub(crate) broken: Broken,
}

/// One schedule; a panic of the core is a broken rule too.
pub(crate) fn one(case: &Case, talks: bool) -> Result<Counts, Broken> {
    let run = || World::new(case, talks).run();
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        Err(Broken { rule: "no panic", what: text.to_owned() })
    })
}

/// `count` schedules from `SIMULATION_FIRST` (0) on, until one breaks a rule.
pub(crate) fn many(count: u64, fault: Option<Fault>) -> Result<Counts, Found> {
    let begun = Instant::now();
    let first = crate::number("SIMULATION_FIRST").unwrap_or(0);
    let (next, end) = (AtomicU64::new(first), first + count);
    let found: Mutex<Option<Found>> = Mutex::new(None);
    let sum = Mutex::new(Counts::default());
    let work = || {
        let mut counts = Counts::default();
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            for seed in from..(from + CHUNK).min(end) {
                let case = Case::new(seed, fault);
                match case.run(false) {
                    Ok(more) => counts.add(&more),
                    Err(broken) => {
                        let mut found = found.lock().unwrap();
                        if found.as_ref().is_none_or(|known| seed < known.case.seed) {
                            *found = Some(Found { case, broken });
                        }
                    }
                }
            }
            if from >= end || found.lock().unwrap().is_some() {
                return sum.lock().unwrap().add(&counts);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some(found) = found.into_inner().unwrap() {
        return Err(found);
    }
    let (counts, took) = (sum.into_inner().unwrap(), begun.elapsed());
    println!("{:.0} schedules/s, {took:.1?}: {counts:?}", count as f64 / took.as_secs_f64());
    Ok(counts)
}
