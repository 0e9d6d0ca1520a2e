//! What a worker counts: plain numbers, from its beginning on.

use super::Ended;
use std::time::Duration;

/// Counts since the worker first began.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Records taken from the input.
    pub taken: u64,
    /// Of these and of the parked, those that are done and have no output.
    pub filtered: u64,
    /// Attempts that were not their record's first.
    pub attempts: u64,
    /// Failures after which another attempt was planned.
    pub scheduled: u64,
    /// How long attempts took.
    pub attempted: Histogram,
    /// How long commits took, from the closing of a window on.
    pub commits: Histogram,
    /// Windows that ended without effect, by [`REASONS`].
    pub aborts: [u64; 5],
}

/// Why a window ended without effect.
pub const REASONS: [&str; 5] = ["aborted", "timed_out", "refused", "broken", "unknown"];

impl Counts {
    pub(super) fn aborted(&mut self, ended: Ended) {
        let reason = match ended {
            Ended::Committed => return,
            Ended::Aborted => 0,
            Ended::TimedOut => 1,
            Ended::Refused => 2,
            Ended::Broken => 3,
            Ended::Unknown => 4,
        };
        self.aborts[reason] += 1;
    }
}

/// How often something took how long.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// How often it took no longer than [`Histogram::UP_TO`] says, and longer than that before it; the
    /// last: longer than all.
    pub counts: [u64; 15],
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// In seconds, as OpenTelemetry's messaging conventions have them.
    pub const UP_TO: [f64; 14] =
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

    pub(crate) fn add(&mut self, took: Duration) {
        self.counts[Histogram::place(took)] += 1;
        self.sum += took;
    }

    /// So many took this together: each its share.
    pub(crate) fn share(&mut self, took: Duration, among: u32) {
        if among > 0 {
            self.counts[Histogram::place(took / among)] += u64::from(among);
            self.sum += took;
        }
    }

    fn place(took: Duration) -> usize {
        // Most attempts end here, and are to cost little.
        if took <= Duration::from_millis(5) {
            return 0;
        }
        let seconds = took.as_secs_f64();
        Histogram::UP_TO.partition_point(|up_to| *up_to < seconds)
    }

    /// Takes in those of another.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_belongs_to_what_is_below_it() {
        let mut histogram = Histogram::default();
        for millis in [0, 5, 6, 10_000, 10_001] {
            histogram.add(Duration::from_millis(millis));
        }
        assert_eq!(histogram.counts[..2], [2, 1]);
        assert_eq!(histogram.counts[13..], [1, 1]);
        assert_eq!(histogram.sum, Duration::from_millis(20_012));
    }

    #[test]
    fn what_is_shared_out_is_counted_for_each() {
        let mut histogram = Histogram::default();
        histogram.share(Duration::from_millis(64), 8);
        histogram.share(Duration::from_millis(9), 0);
        assert_eq!((histogram.counts[1], histogram.sum), (8, Duration::from_millis(64)));
    }
}
