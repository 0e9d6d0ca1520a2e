//! A running stage seen from outside: about once a second each worker says how it stands. Nothing is
//! shared for a record.

mod ends;
pub(crate) mod families;
mod stall;

pub(crate) use ends::watch;
pub(crate) use stall::Stalls;

use crate::consumer::Consumer;
use crate::core::counts::{Counts, Histogram};
use crate::core::status::{Status, Why};
use crate::core::{Partition, Time};
use crate::service::Levers;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A worker says how it stands once a second; one that has not for so long is stuck.
const SILENT: Duration = Duration::from_secs(10);

/// Why a record is dead-lettered, as its header says.
pub(crate) const DISPOSITIONS: [&str; 5] =
    ["deserialization", "order-blocked", "production", "rejected", "retries-exhausted"];

/// How a worker stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) as_of: Time,
    /// The group has given it partitions, or has said that there are none for it.
    pub(crate) joined: bool,
    pub(crate) paused: bool,
    pub(crate) circuit_open: bool,
    /// Handlers that run.
    pub(crate) running: usize,
    /// Records that wait in it.
    pub(crate) waiting: usize,
    pub(crate) counts: Counts,
    pub(crate) sent: Sent,
    pub(crate) rebalances: Histogram,
    pub(crate) partitions: Vec<Held>,
}

/// What of its messages took effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// Outputs in committed windows.
    pub(crate) outputs: u64,
    /// Dead letters written, by [`DISPOSITIONS`].
    pub(crate) letters: [u64; 5],
}

/// A partition it holds.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) status: Status,
    /// Since then its watermark is where it is, as far as was looked.
    pub(crate) since: Time,
    /// The record's time of the first unfinished record, else of the last one taken: milliseconds since
    /// the epoch; below 0: not known.
    pub(crate) time: i64,
    /// What the first unfinished record failed with last.
    pub(crate) error: Option<String>,
}

/// What the broker says of the partitions of a worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Behind the last record that can be read.
    pub(crate) ends: BTreeMap<Partition, i64>,
    /// Up to here there is nothing that the worker has not been given.
    pub(crate) seen: BTreeMap<Partition, i64>,
    /// Why it says nothing.
    pub(crate) trouble: Option<String>,
}

impl Ends {
    /// Records of this partition whose outcome is not committed; none: its end is not known, or not where an earlier
    /// owner was.
    pub(crate) fn lag(&self, status: &Status) -> Option<i64> {
        if status.why.contains(&Why::Restoring) {
            return None;
        }
        let end = *self.ends.get(&status.partition)?;
        // Behind the last record there may be marks of transactions, which are no records.
        let seen = self.seen.get(&status.partition).copied().unwrap_or(status.upto);
        let taken = status.unfinished + status.uncommitted;
        Some((end - seen.max(status.upto)).max(0) + taken as i64)
    }
}

/// Where one worker says how it stands.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    look: Mutex<Option<Arc<Look>>>,
    ends: Mutex<Ends>,
    consumer: Mutex<Weak<Consumer>>,
    restarts: AtomicU64,
    ended: AtomicBool,
}

impl Seat {
    pub(crate) fn publish(&self, look: Look) {
        *lock(&self.look) = Some(Arc::new(look));
    }

    /// What was published last.
    pub(crate) fn look(&self) -> Option<Arc<Look>> {
        lock(&self.look).clone()
    }

    pub(crate) fn ends(&self) -> Ends {
        lock(&self.ends).clone()
    }

    /// The worker has begun.
    pub(crate) fn sits(&self, consumer: &Arc<Consumer>) {
        *lock(&self.consumer) = Arc::downgrade(consumer);
    }

    /// It begins anew: until then it has nothing but what it has counted, and nobody knows where it stands.
    pub(crate) fn stands_up(&self) {
        let mut look = lock(&self.look);
        *look = look.take().map(|look| {
            let Look { counts, sent, rebalances, .. } = &*look;
            let (counts, sent, rebalances) = (counts.clone(), *sent, rebalances.clone());
            Arc::new(Look { counts, sent, rebalances, ..Look::default() })
        });
        drop(look);
        *lock(&self.ends) = Ends::default();
        *lock(&self.consumer) = Weak::new();
    }

    /// The worker has begun anew, or has started its program again.
    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// The worker's thread is gone.
    pub(crate) fn leave(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running stage.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) stage: String,
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) seats: Arc<[Arc<Seat>]>,
    pub(crate) levers: Levers,
}

impl Observed {
    /// Whether all of its workers have.
    pub(crate) fn has_ended(&self) -> bool {
        self.seats.iter().all(|seat| seat.has_ended())
    }

    /// How its workers stand, of those that have said so.
    pub(crate) fn looks(&self) -> Vec<(Arc<Look>, Ends)> {
        let seats = self.seats.iter().filter(|seat| !seat.has_ended());
        seats.filter_map(|seat| Some((seat.look()?, seat.ends()))).collect()
    }

    /// How those that have ended stood last: what they have counted goes on to count.
    pub(crate) fn last_looks(&self) -> Vec<Arc<Look>> {
        let seats = self.seats.iter().filter(|seat| seat.has_ended());
        seats.filter_map(|seat| seat.look()).collect()
    }

    /// How often its workers have begun anew, or have started their programs again.
    pub(crate) fn restarts(&self) -> u64 {
        self.seats.iter().map(|seat| seat.restarts.load(Ordering::Relaxed)).sum()
    }

    /// Why it does not work as it should, if so: all reasons.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut say = |text: String| {
            if !troubles.contains(&text) {
                troubles.push(text);
            }
        };
        for seat in self.seats.iter() {
            if seat.has_ended() {
                say("a worker has ended".into());
                continue;
            }
            let look = seat.look().unwrap_or_default();
            if let Some(trouble) = seat.ends().trouble {
                say(format!("the broker does not answer: {trouble}"));
            }
            let silent = now.saturating_sub(look.as_of);
            if look.joined && silent > SILENT {
                say(format!("a worker has said nothing for {silent:.0?}: does a handler block?"));
            }
            if !look.joined {
                say("the group has given no partitions yet".into());
            }
            let restoring = look.partitions.iter().map(|held| &held.status);
            for status in restoring.filter(|status| status.why.contains(&Why::Restoring)) {
                say(format!("partition {} is being restored", status.partition.number));
            }
            if look.circuit_open {
                say("circuit open: what the stage depends on is away".into());
            }
        }
        troubles
    }
}
