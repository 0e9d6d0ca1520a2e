//! How fast records are taken, where an operator has set a pace.

use super::Time;
use std::time::Duration;

/// Records are let in by the handful: as many as this long stands for, at least one.
const HANDFUL: Duration = Duration::from_millis(20);

/// What was not let in for want of time is made up for, if it is not older than this.
const LATE: Duration = Duration::from_millis(100);

/// The pace of a worker. What is not taken of a handful may be taken later.
#[derive(Debug, Default)]
pub(super) struct Pace {
    each: Option<Duration>,
    /// So many may have been taken.
    until: u64,
    /// When the next handful is let in.
    next: Time,
}

impl Pace {
    /// From now on each record stands for this long; none: as many as come.
    pub(super) fn set(&mut self, now: Time, taken: u64, each: Option<Duration>) {
        *self = Pace { each: each.filter(|each| !each.is_zero()), until: taken, next: now };
    }

    /// Whether one more may be taken, of which `taken` are.
    pub(super) fn lets(&mut self, now: Time, taken: u64) -> bool {
        let Some(each) = self.each else { return true };
        if taken >= self.until && now >= self.next {
            let handful = (HANDFUL.as_nanos() / each.as_nanos()).max(1) as u32;
            self.until += u64::from(handful);
            self.next = self.next.max(now.saturating_sub(LATE)) + each * handful;
        }
        taken < self.until
    }

    /// When the next handful is due, if all of the last are taken.
    pub(super) fn deadline(&self, taken: u64) -> Option<Time> {
        self.each.filter(|_| taken >= self.until).map(|_| self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Time {
        Time::from_millis(count)
    }

    /// How many are taken by then by one who takes what it may every `step` milliseconds.
    fn taken(each: Duration, begin: u64, end: u64, step: usize) -> u64 {
        let (mut pace, mut taken) = (Pace::default(), 7);
        pace.set(ms(begin), taken, Some(each));
        for now in (begin..end).step_by(step) {
            while pace.lets(ms(now), taken) {
                taken += 1;
            }
        }
        taken - 7
    }

    #[test]
    fn it_is_kept_slow_and_fast_and_by_who_is_late() {
        assert_eq!(taken(ms(1000), 5, 10_005, 1), 10);
        assert_eq!(taken(ms(1), 5, 10_005, 1), 10_000);
        assert_eq!(taken(ms(1), 5, 10_005, 50), 9960, "the last handfuls are not due yet");
        assert_eq!(taken(Duration::from_micros(5), 0, 1000, 7), 200_000);
    }

    #[test]
    fn who_had_nothing_to_take_does_not_take_it_all_at_once() {
        let (mut pace, mut taken) = (Pace::default(), 0);
        pace.set(ms(0), taken, Some(ms(1)));
        while pace.lets(ms(60_000), taken) {
            taken += 1;
        }
        assert_eq!(taken, 120, "that of a tenth of a second, and a handful");
        assert_eq!(pace.deadline(taken), Some(ms(60_020)));
        pace.set(ms(60_001), taken, None);
        assert!(pace.lets(ms(60_001), taken) && pace.deadline(taken).is_none());
    }
}
