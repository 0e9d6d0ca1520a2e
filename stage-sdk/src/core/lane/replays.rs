//! Dead letters on their way into the lane.
//!
//! A replayed record takes its old place in the order of its key: before all that is parked of it and
//! came later. What is being worked on is not passed: it waits until the key rests. And where the input
//! is still to bring a record of its offset, that one would be taken for it: it waits until then.

use super::{Command, Lane, alone};

impl Lane {
    /// Takes a command to park a dead letter, once.
    pub fn replay(&mut self, command: Command) {
        let key = command.key.unwrap_or_else(|| alone(command.first));
        let open = self.replays.get(&key).is_some_and(|all| all.iter().any(|c| c.id == command.id));
        if !open && !self.answered.iter().any(|(_, id)| *id == command.id) {
            self.replays.entry(key).or_default().push(command);
        }
    }

    /// Whether a record of this offset would be the first of its key.
    pub fn goes_first(&self, key: Option<u64>, offset: i64) -> bool {
        let first = self.keys.get(&key.unwrap_or_else(|| alone(offset)));
        first.and_then(|blocked| blocked.records.front()).is_none_or(|first| offset < first.offset)
    }

    /// Whether something replayed waits for its key to rest.
    pub fn has_replays(&self) -> bool {
        !self.replays.is_empty()
    }

    /// What may be parked now, with the answers in this batch; `has_passed`: whether the input has
    /// brought the record of this offset.
    pub fn replays(&mut self, batch: u64, has_passed: impl Fn(i64) -> bool) -> Vec<Command> {
        let mut ready = Vec::new();
        self.replays.retain(|key, all| {
            let key = self.keys.get(key);
            if key.is_none_or(|blocked| blocked.taken == 0 && blocked.noted.is_none()) {
                ready.extend(all.extract_if(.., |command| has_passed(command.first)));
            }
            !all.is_empty()
        });
        self.answered.extend(ready.iter().map(|command| (batch, command.id)));
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CommandId, Rest, Wish};
    use super::*;
    use crate::core::{Id, Note, Time};

    const KEY: Option<u64> = Some(7);
    const NOW: Time = Time::from_millis(10);

    /// Of what is replayed.
    const EDITION: u64 = 77;

    /// Offsets from here on the input is still to bring.
    const UPTO: i64 = 1000;

    fn replay(lane: &mut Lane, offset: i64) -> Vec<i64> {
        let id = CommandId(offset as u128);
        lane.replay(Command { id, wish: Wish::Replay, key: KEY, first: offset, last: offset });
        let ready = lane.replays(0, |of| of < UPTO).into_iter().map(|command| command.first);
        let note = Note { attempts: 0, first: None, rest: Rest::Until(NOW), edition: EDITION };
        ready.filter(|offset| lane.park(KEY, *offset, note)).collect()
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
            lane.park(KEY, 649, Note { attempts: 3, first: Some(NOW), rest: held, edition: 0 });
            assert_eq!(replay(&mut lane, 391), [391]);
            assert_eq!(replay(&mut lane, 391), [0i64; 0], "it is parked already");
            assert!(!came(&mut lane, 649, (0, 0)), "it is not the first any more");
            lane.tick(NOW, |_| false, None);
            assert!(!came(&mut lane, 391, (0, 0)), "what was done with before it died");
            assert!(came(&mut lane, 391, (1, EDITION)));
            assert_eq!(replay(&mut lane, 12), [0i64; 0], "its key is being worked on");
            lane.finish(KEY, 391, 1);
            let ready = lane.replays(1, |_| true).iter().map(|c| c.first).collect::<Vec<_>>();
            assert_eq!(ready, [12]);
            assert_eq!(came(&mut lane, 649, (0, 0)), held == Rest::Behind);
        }
    }

    #[test]
    fn what_the_input_is_still_to_bring_is_not_parked_in_its_place() {
        let mut lane = Lane::restore(100, Vec::new(), 0);
        assert_eq!(replay(&mut lane, UPTO), [0i64; 0]);
        assert!(lane.has_replays() && !lane.blocks(KEY));
        assert_eq!(lane.replays(1, |_| true).len(), 1);
    }

    #[test]
    fn what_is_replayed_waits_for_its_key_outside_the_lane() {
        let mut lane = Lane::restore(100, Vec::new(), 0);
        assert_eq!(replay(&mut lane, 391), [391]);
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
