//! Watches what a worker begins: attempts, dead letters, commits that go again.

use crate::logs::Why;
use crate::member::Run;
use crate::oracle::Fate;
use crate::policy;
use crate::world::World;
use stage_sdk::core::{Ended, Note, Policy, Rest, Time, WindowId};

/// The least time before a window goes for the third time.
const AGAIN: Time = Time::from_millis(20);

impl World {
    /// A handler is about to start.
    pub(crate) fn judge_start(
        &mut self,
        number: usize,
        (partition, index): (usize, usize),
        lane: bool,
    ) {
        let place = || format!("{number} {partition}/{index}");
        let member = &mut self.members[number];
        let retry = &member.retry;
        let free = member.running.len() < self.plan.settings.max_in_flight;
        self.oracle.hold(free, "no more handlers than may be in flight", place);
        let records = &self.plan.records[partition];
        let key = records[index].key;
        // What waits alone is tried alone.
        let alone = |lane| lane && retry.policy == Policy::RetryTopic;
        let same = |other: &&Run| {
            let ordered = key.is_some() && !alone(lane) && !alone(other.lane);
            other.partition == partition
                && (other.index == index || ordered && records[other.index].key == key)
        };
        let alone = !member.running.iter().any(|other| same(&other));
        self.oracle.hold(alone, "one handler at a time for a key", place);
        let owner = self.group.owners[partition] == Some(number);
        let tally = &mut member.tallies[partition][index];
        tally.starts += 1;
        // Who lost the partition while it read what is parked may know more of that than of offsets:
        // what it has freed comes to it once more. Nothing of it is committed.
        let knows = owner || !retry.policy.parks();
        let again = knows && tally.starts > tally.failures + 1;
        self.oracle.hold(!again, "no handler runs again without a failure", place);
        let most = match retry.policy {
            Policy::InPlace | Policy::Ordered | Policy::RetryTopic => retry.attempts,
            Policy::DeadLetter | Policy::Stop => 1,
        };
        let most = most.max(tally.allowed);
        // A worker that lost the record may not know that somebody else has tried it.
        let (hurries, open) = self.oracle.hurries(partition, records[index].offset);
        let hurried = lane && if owner { open > 0 } else { hurries > 0 };
        let early = !hurried && tally.not_before.is_some_and(|at| self.now < at);
        self.oracle.hold(!early, "no attempt before its time", place);
        self.oracle.hold(
            tally.attempts < most.saturating_add(hurries),
            "attempts are limited",
            place,
        );
        self.counts.hurried += u64::from(hurried);
        let known = &self.oracle.records[partition][index];
        let open = known.fate == if lane { Fate::Parked } else { Fate::Open };
        let note = known.note.filter(|_| lane && owner && !hurried);
        let held = note.is_some_and(|note| !policy::goes_on(retry, &note));
        self.oracle.hold(!owner || open, "nothing finished is run again", place);
        let early = matches!(note, Some(Note { rest: Rest::Until(at), .. }) if self.now < at);
        self.oracle.hold(!early, "no attempt before its time", place);
        self.oracle.hold(!held, "what is held is not tried", place);
    }

    /// A record is given up.
    pub(crate) fn judge_given_up(&mut self, number: usize, place: (usize, usize), why: Why) {
        let retry = &self.members[number].retry;
        let tally = self.members[number].tallies[place.0][place.1];
        let enough = match (why, retry.policy) {
            (Why::Exhausted, Policy::InPlace | Policy::Ordered | Policy::RetryTopic) => {
                tally.attempts >= retry.attempts
            }
            (Why::Exhausted, Policy::Stop) => false,
            _ => tally.attempts > 0,
        };
        self.oracle.hold(enough, "no healthy record in the dead letters", || {
            format!("{number} {place:?} given up after {} attempts", tally.attempts)
        });
    }

    /// A window's transaction ended.
    pub(crate) fn judge_end(&mut self, number: usize, id: WindowId, ended: Ended) {
        let failed = &mut self.members[number].failed_windows;
        if matches!(ended, Ended::Aborted | Ended::TimedOut) {
            let (count, at) = failed.entry(id).or_default();
            (*count, *at) = (*count + 1, self.now);
        } else {
            failed.remove(&id);
        }
    }

    /// A window goes: not for the third time without a pause.
    pub(crate) fn judge_again(&mut self, number: usize, id: WindowId) {
        let failed = self.members[number].failed_windows.get(&id).copied();
        let (count, at) = failed.unwrap_or_default();
        let waited = count < 2 || self.now >= at + AGAIN;
        self.oracle.hold(waited, "what fails again waits", || format!("{number} {id:?}"));
    }
}
