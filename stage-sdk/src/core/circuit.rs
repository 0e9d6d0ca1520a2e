//! The circuit: whether what the stage depends on is away, and who asks next.
//!
//! Open, no record is tried but one at a time, the probe. Who waits for the circuit uses up no attempt
//! and is neither parked nor dead-lettered: an outage says nothing about a record.

use super::{Id, Time};
use std::time::Duration;

/// How long attempts are counted, from one that found the dependency away, before they are judged.
const WATCH: Duration = Duration::from_millis(500);

/// The wait before the first probe; it doubles with each, up to the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// A worker's circuit.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    /// Attempts that had an answer, whichever, since the worker began.
    answered: u64,
    watch: Option<Watch>,
    open: Option<Open>,
}

/// Attempts since one that found the dependency away.
#[derive(Clone, Copy, Debug)]
struct Watch {
    since: Time,
    answered: u64,
    away: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Time,
    probe_at: Time,
    wait: Duration,
    probing: Option<Id>,
}

impl Circuit {
    /// An attempt had an answer.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    /// An attempt found the dependency away; whether that opens the circuit: at least half of those
    /// in the time of a watch did. One record that fails alone is not enough where others succeed.
    pub(super) fn away(&mut self, now: Time) -> bool {
        let new = Watch { since: now, answered: self.answered, away: 1 };
        let Some(watch) = &mut self.watch else {
            self.watch = Some(new);
            return false;
        };
        watch.away += 1;
        if now < watch.since + WATCH {
            return false;
        }
        let opens = self.open.is_none() && watch.away >= self.answered - watch.answered;
        if opens {
            let (probe_at, wait) = (now + FIRST, FIRST);
            self.open = Some(Open { since: now, probe_at, wait, probing: None });
        }
        self.watch = (!opens).then_some(new);
        opens
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a record may be tried now; `lives`: whether that record is still in flight.
    pub(super) fn lets(&self, now: Time, lives: impl FnOnce(Id) -> bool) -> bool {
        match self.open {
            None => true,
            Some(open) => now >= open.probe_at && !open.probing.is_some_and(lives),
        }
    }

    /// A record is tried: while the circuit is open it is the probe.
    pub(super) fn started(&mut self, id: Id) {
        if let Some(open) = &mut self.open {
            open.probing = Some(id);
        }
    }

    pub(super) fn is_probe(&self, id: Id) -> bool {
        self.open.is_some_and(|open| open.probing == Some(id))
    }

    /// The probe had no answer: another one, later.
    pub(super) fn probe_failed(&mut self, now: Time) {
        if let Some(open) = &mut self.open {
            open.wait = (open.wait * 2).min(LONGEST);
            (open.probing, open.probe_at) = (None, now + open.wait);
        }
    }

    /// The probe had an answer: the circuit is closed. Gives how long it was open.
    pub(super) fn close(&mut self, now: Time) -> Duration {
        self.watch = None;
        self.open.take().map_or(Duration::ZERO, |open| now - open.since)
    }

    /// When the next probe is due; `lives`: whether that record is still in flight.
    pub(super) fn deadline(&self, lives: impl FnOnce(Id) -> bool) -> Option<Time> {
        let open = self.open?;
        (!open.probing.is_some_and(lives)).then_some(open.probe_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Time {
        Time::from_millis(count)
    }

    fn open() -> Circuit {
        let mut circuit = Circuit::default();
        assert!(!circuit.away(ms(0)));
        assert!(!circuit.away(ms(200)));
        assert!(circuit.away(ms(600)));
        circuit
    }

    #[test]
    fn it_opens_when_half_of_the_attempts_find_nobody() {
        assert!(open().is_open());
        let mut circuit = Circuit::default();
        circuit.away(ms(0));
        (0..4).for_each(|_| circuit.answered());
        circuit.away(ms(100));
        assert!(!circuit.away(ms(600)), "3 of 7");
        assert!(!circuit.away(ms(700)), "a new watch began with the last");
        assert!(circuit.away(ms(1100)), "3 of 3");
    }

    #[test]
    fn one_record_at_a_time_probes() {
        let mut circuit = open();
        let [first, second] = [0, 1].map(|slot| Id { slot, life: 0 });
        assert!(!circuit.lets(ms(699), |_| true));
        assert!(circuit.lets(ms(700), |_| true));
        circuit.started(first);
        assert!(!circuit.lets(ms(10_000), |id| id == first), "one is enough");
        assert!(circuit.lets(ms(10_000), |_| false), "that one is gone");
        circuit.probe_failed(ms(800));
        assert_eq!(circuit.deadline(|_| true), Some(ms(1000)));
        circuit.started(second);
        assert!(circuit.is_probe(second) && !circuit.is_probe(first));
        assert_eq!(circuit.deadline(|_| true), None);
        assert_eq!(circuit.deadline(|_| false), Some(ms(1000)), "another in its place");
        assert_eq!(circuit.close(ms(1600)), ms(1000));
        assert!(!circuit.is_open() && circuit.lets(ms(1600), |_| true));
    }

    #[test]
    fn the_wait_between_probes_ends_at_a_second() {
        let mut circuit = open();
        for probe in 1..20 {
            let at = circuit.deadline(|_| true).unwrap();
            circuit.probe_failed(at);
            assert!(circuit.deadline(|_| true).unwrap() - at <= LONGEST, "probe {probe}");
        }
    }
}
