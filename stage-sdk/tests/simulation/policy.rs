//! Retry policies: how they are drawn, and another one for whoever starts from some time on, so that
//! workers of both may run side by side for a while.

use crate::faults::Fault;
use crate::input::REDIRECT;
use crate::lane::unanswered;
use crate::member::Member;
use crate::plan::{Plan, ms};
use crate::say;
use crate::world::World;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Random;
use stage_sdk::core::{Exhausted, Note, Pending, Policy, Rest, Retry, Time};

pub(crate) struct Change {
    pub(crate) at: Time,
    pub(crate) retry: Retry,
}

pub(crate) fn draw(random: &mut Random) -> Retry {
    let policy = match random.random_range(0..20) {
        0 => Policy::Stop,
        1 | 2 => Policy::DeadLetter,
        3..11 => Policy::Ordered,
        11..14 => Policy::RetryTopic,
        _ => Policy::InPlace,
    };
    let (exhausted, attempts) = match random.random_range(0..10) {
        0 => (Exhausted::Stop, random.random_range(1..=4)),
        // What is held stays so unless an operator decides: `hold_for` sees to that.
        1..5 if policy.parks() => (Exhausted::Hold, u32::MAX),
        _ => (Exhausted::DeadLetter, random.random_range(1..=4)),
    };
    Retry {
        policy,
        attempts,
        first: ms(random.random_range(1..20)),
        longest: ms(50),
        exhausted,
        in_place_for: ms(random.random_range(0..30)),
        max_parked: random.random_range(2..40),
    }
}

impl Change {
    /// Mostly between policies that park, where the one before does.
    pub(crate) fn draw(random: &mut Random, before: &Retry, calm: Time) -> Change {
        let at = calm.mul_f64(random.random_range(0.05..0.9));
        let stays = before.policy.parks() && random.random_bool(0.7);
        let mut retry = draw(random);
        while stays && !retry.policy.parks() {
            retry = draw(random);
        }
        Change { at, retry }
    }
}

/// Somebody looks after what is held: then something is.
pub(crate) fn hold_for_operator(random: &mut Random, retry: &mut Retry) {
    if retry.exhausted == Exhausted::Hold {
        retry.attempts = random.random_range(1..=4);
    }
}

/// Whether a parked record goes on that somebody else has noted like this: what is held does where
/// fewer attempts were allowed, or nothing was given up.
pub(crate) fn goes_on(retry: &Retry, note: &Note) -> bool {
    let decided = retry.exhausted != Exhausted::Hold || note.attempts < retry.attempts;
    note.rest != Rest::Held || decided
}

impl Plan {
    /// The policy by which operators look at what waits.
    pub(crate) fn shown(&self, now: Time) -> &Retry {
        let change = self.change.as_ref().filter(|change| change.at <= now);
        let changed = change.map(|change| &change.retry).filter(|retry| retry.policy.parks());
        changed.unwrap_or(&self.settings.retry)
    }

    /// Whether who runs by this policy may pass what is parked of a key: alone, or unaware of it until
    /// all run by a policy that parks.
    pub(crate) fn may_pass(&self, policy: Policy) -> bool {
        let parks_then = self.change.as_ref().is_some_and(|change| change.retry.policy.parks());
        policy == Policy::RetryTopic || !policy.parks() && parks_then
    }
}

impl World {
    /// A worker starts: by the newest policy, unless that is refused.
    pub(crate) fn take_up_policy(&mut self, number: usize) {
        let Some(change) = self.plan.change.as_ref().filter(|change| change.at <= self.now) else {
            return;
        };
        if self.members[number].changed {
            return;
        }
        let new = change.retry.clone();
        if !new.policy.parks() {
            if !self.nobody_parks() && self.fault != Some(Fault::Unasked) {
                say!(self, "{number} REFUSED {new:?}");
                self.counts.policy_refused += 1;
                return;
            }
            self.oracle.heard = false;
        }
        say!(self, "{number} NEW {new:?}");
        self.counts.policy_changed += 1;
        let old = self.members.iter().any(|other| other.core.is_some() && !other.changed);
        self.counts.side_by_side += u64::from(old);
        let member = &mut self.members[number];
        (member.retry, member.changed) = (new, true);
    }

    /// Nothing is parked, nor hidden by an open transaction; that is what a start is refused for. And
    /// nobody runs who would park: no start can see that, so that whoever deploys has to stop all first.
    fn nobody_parks(&self) -> bool {
        let parks = |member: &Member| member.core.is_some() && member.retry.policy.parks();
        let empty = |of: usize| {
            let log = &self.broker.logs[self.broker.log(REDIRECT, of)];
            let told = log.stable() == log.end();
            told && self.parked(of).is_empty() && unanswered(log, 0).is_empty()
        };
        !self.members.iter().any(parks) && (0..self.plan.records.len()).all(empty)
    }

    /// Whoever runs by the old policy is started again: no deployment stays halfway.
    pub(crate) fn change_the_rest(&mut self) {
        for number in 0..self.members.len() {
            if self.plan.change.is_some() && !self.members[number].changed {
                self.members[number].stop = true;
                self.wake(number);
            }
        }
    }

    /// A worker learns what is parked of a partition, perhaps by somebody with another policy.
    pub(crate) fn inherit(&mut self, number: usize, of: usize, pending: &[Pending]) {
        let member = &mut self.members[number];
        let other = self.plan.change.as_ref().filter(|_| member.changed && !pending.is_empty());
        let before = other.map(|_| self.plan.settings.retry.policy);
        match (before, member.retry.policy) {
            (Some(Policy::RetryTopic), Policy::Ordered) => self.counts.to_ordered += 1,
            (Some(Policy::Ordered), Policy::RetryTopic) => self.counts.to_alone += 1,
            _ => {}
        }
        for Pending { offset, note, .. } in pending {
            let index = self.plan.records[of].partition_point(|r| r.offset < *offset);
            let Note { attempts, rest, .. } = *note;
            let goes_on = goes_on(&member.retry, note);
            self.counts.taken_over += 1;
            self.counts.reconsidered += u64::from(goes_on && rest == Rest::Held);
            if let Some(tally) = member.tallies[of].get_mut(index) {
                tally.attempts = attempts;
                // The others may have allowed more of them.
                let allowed = attempts + u32::from(goes_on);
                tally.allowed = if self.plan.change.is_some() { allowed } else { 0 };
            }
        }
    }
}
