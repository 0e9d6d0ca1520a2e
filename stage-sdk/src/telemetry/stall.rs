//! Partitions that do not move although records wait.

use crate::core::{Partition, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// After this long somebody may want to know.
const STALL: Duration = Duration::from_secs(60);

/// Where the watermarks of a worker are, and since when.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    known: BTreeMap<Partition, Mark>,
}

#[derive(Debug)]
struct Mark {
    next: i64,
    since: Time,
    /// What was said of it, and when.
    said: Option<(String, Time)>,
    seen: bool,
}

impl Stalls {
    /// Takes note of where the watermarks are, of as many unfinished records each; gives those that have
    /// stood still for long.
    pub(crate) fn look(
        &mut self,
        now: Time,
        marks: impl Iterator<Item = (Partition, i64, usize)>,
    ) -> Vec<Partition> {
        let mut still = Vec::new();
        for (partition, next, unfinished) in marks {
            let fresh = || Mark { next, since: now, said: None, seen: true };
            let mark = self.known.entry(partition).or_insert_with(fresh);
            mark.seen = true;
            if mark.next != next || unfinished == 0 {
                *mark = fresh();
            } else if now >= mark.since + STALL {
                still.push(partition);
            }
        }
        self.known.retain(|_, mark| std::mem::take(&mut mark.seen));
        still
    }

    /// Since when the partition's watermark is where it is.
    pub(crate) fn since(&self, partition: Partition) -> Option<Time> {
        self.known.get(&partition).map(|mark| mark.since)
    }

    /// Whether this is to be said of a partition: once, and again when it is another reason, but not
    /// more often than the partition stands still.
    pub(crate) fn is_news(&mut self, now: Time, partition: Partition, text: &str) -> bool {
        let Some(mark) = self.known.get_mut(&partition) else { return false };
        let said = mark.said.as_ref();
        if said.is_some_and(|(known, at)| known == text || now < *at + STALL) {
            return false;
        }
        mark.said = Some((text.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Partition = Partition { input: 0, number: 3 };

    fn s(count: u64) -> Time {
        Time::from_secs(count)
    }

    #[test]
    fn who_stands_still_while_records_wait_is_told_of_once() {
        let mut stalls = Stalls::default();
        let mut look = |now, next, unfinished| {
            stalls.look(s(now), [(P, next, unfinished)].into_iter()).contains(&P)
        };
        assert!(!look(0, 7, 1) && !look(59, 7, 1));
        assert!(look(60, 7, 1), "a minute");
        assert!(!look(61, 8, 1), "it moves");
        assert!(!look(130, 8, 0) && !look(131, 8, 1) && !look(189, 8, 1), "nothing waited");
        assert!(look(190, 8, 1));
        assert!(stalls.is_news(s(190), P, "it hangs"));
        assert!(!stalls.is_news(s(260), P, "it hangs"));
        assert!(stalls.is_news(s(260), P, "it backs off"), "another reason");
        assert!(!stalls.is_news(s(261), P, "it hangs"), "too soon");
        assert_eq!(stalls.since(P), Some(s(130)));
    }

    #[test]
    fn who_is_given_away_is_forgotten() {
        let mut stalls = Stalls::default();
        stalls.look(s(0), [(P, 7, 1)].into_iter());
        stalls.look(s(1), [].into_iter());
        assert!(stalls.since(P).is_none());
        assert!(stalls.look(s(60), [(P, 7, 1)].into_iter()).is_empty());
    }
}
