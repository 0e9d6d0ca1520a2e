//! Dead letters that come back into the lane.
//!
//! A replayed record takes its old place in the order of its key: before all that is parked of it and
//! came later. What is in flight it does not pass.

use super::{Command, Lane, alone};

impl Lane {
    /// Takes a command to park a dead letter, with its answer in this batch; whether it is to be done. Not
    /// where that is done in a batch that is not committed.
    pub fn replay(&mut self, command: &Command, batch: u64) -> bool {
        let is_new = !self.answered.iter().any(|(_, id)| *id == command.id);
        if is_new {
            self.answered.push((batch, command.id));
        }
        is_new
    }

    /// Whether a record of this offset would be the first of its key.
    pub fn goes_first(&self, key: Option<u64>, offset: i64) -> bool {
        let first = self.keys.get(&key.unwrap_or_else(|| alone(offset)));
        first.and_then(|blocked| blocked.records.front()).is_none_or(|first| offset < first.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rest;
    use super::*;
    use crate::core::{Id, Note, Time};

    const KEY: Option<u64> = Some(7);
    const NOW: Time = Time::from_millis(10);

    /// Of what is replayed.
    const EDITION: u64 = 77;

    fn replay(lane: &mut Lane, offset: i64) -> bool {
        let first = lane.goes_first(KEY, offset);
        let rest = if first { Rest::Until(NOW) } else { Rest::Behind };
        lane.park(
            KEY,
            offset,
            Note { attempts: 0, first: None, rest, noted: None, edition: EDITION },
        )
    }

    fn came(lane: &mut Lane, offset: i64, place: (i64, u64)) -> bool {
        let came = lane.arrive(KEY, offset, place, true);
        if came {
            lane.took(KEY, offset, Id { slot: 0, life: 0 });
        }
        came
    }

    #[test]
    fn what_is_replayed_goes_before_what_is_parked_and_that_rests_as_before() {
        for held in [Rest::Held, Rest::Behind] {
            let mut lane = Lane::restore(100, Vec::new(), 0);
            lane.park(
                KEY,
                649,
                Note { attempts: 3, first: Some(NOW), rest: held, noted: None, edition: 0 },
            );
            assert!(replay(&mut lane, 391));
            assert!(!replay(&mut lane, 391), "it is parked already");
            assert!(!came(&mut lane, 649, (0, 0)), "it is not the first any more");
            lane.tick(NOW, |_| false, None);
            assert!(!came(&mut lane, 391, (0, 0)), "what was done with before it died");
            assert!(came(&mut lane, 391, (1, EDITION)));
            assert!(replay(&mut lane, 12));
            assert!(!came(&mut lane, 12, (2, EDITION)), "one of its key is in flight");
            lane.finish(KEY, 391, 1);
            lane.tick(NOW, |_| false, None);
            assert!(came(&mut lane, 12, (2, EDITION)));
            lane.finish(KEY, 12, 1);
            assert_eq!(came(&mut lane, 649, (0, 0)), held == Rest::Behind);
        }
    }

    #[test]
    fn what_is_replayed_waits_for_its_key_outside_the_lane() {
        let mut lane = Lane::restore(100, Vec::new(), 0);
        assert!(replay(&mut lane, 391));
        lane.waits_beside(7);
        assert!(lane.blocks(KEY), "what comes now waits behind it");
        lane.tick(NOW, |key| Some(key) == KEY, Some(3));
        assert!(!came(&mut lane, 391, (0, EDITION)));
        let later = lane.deadline().unwrap();
        assert!(later > NOW);
        lane.tick(later, |_| false, Some(3));
        assert!(!came(&mut lane, 391, (0, EDITION)), "what came of those is not committed");
        lane.settle(later, 3);
        lane.tick(later, |_| false, Some(4));
        assert!(came(&mut lane, 391, (0, EDITION)));
    }
}
