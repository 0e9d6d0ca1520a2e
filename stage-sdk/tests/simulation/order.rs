//! Order per key: what is committed, freed and read of a key is so in the order of its records.
//!
//! A worker that runs by `ordered` lets nothing pass. One that does not may pass what is parked, and
//! nothing else; from then on the place of that one record is not looked at. Nor is that of one that was
//! replayed, except that what comes to the input after that waits behind it.

use crate::input::TARGETS;
use crate::logs::Message;
use crate::oracle::{Fate, Known, Oracle};
use crate::plan::Plan;
use stage_sdk::core::Policy;

const RULE: &str = "order per key";

impl Known {
    /// It is parked; also if what frees it comes later in the transaction that is being looked at.
    fn waits(&self) -> bool {
        self.fate == Fate::Parked || self.freed > 0
    }
}

impl Oracle {
    fn chain(&self, plan: &Plan, message: &Message) -> Option<usize> {
        let key = plan.records[message.partition][message.index].key;
        key.map(|key| message.partition * plan.keys + key)
    }

    /// Outputs are to be committed by a worker with this policy: of their keys nothing before them is
    /// open, or waits where it may not be passed.
    pub(crate) fn committed_in_order(&mut self, plan: &Plan, policy: Policy, message: &Message) {
        let Message { partition, index, .. } = *message;
        let Some(chain) = self.chain(plan, message) else { return };
        let known = &self.records[partition];
        let done = |of: &&usize| known[**of].fate != Fate::Open && !known[**of].waits();
        let begun = self.finished[chain];
        let begun = begun + self.chains[chain][begun..].iter().take_while(done).count();
        self.finished[chain] = begun;
        for at in begun..self.chains[chain].len() {
            let earlier = self.chains[chain][at];
            if earlier >= index {
                break;
            }
            let known = &mut self.records[partition][earlier];
            // What was there before it was replayed may have been on its way.
            let before = plan.records[partition][index].at <= known.replayed;
            let passed = known.waits() && (plan.may_pass(policy) || known.replays > 0 && before);
            self.passed += u64::from(passed && !known.passed);
            known.passed |= passed;
            let gone = plan.records[partition][earlier].is_gone(self.now);
            let left = known.waits() || known.fate == Fate::Open && !gone;
            self.hold(passed || !left, RULE, || format!("{message:?} committed before {earlier}"));
        }
    }

    /// Before a parked record is done with, all parked ones of its key before it are.
    pub(crate) fn freed_in_order(&mut self, plan: &Plan, policy: Policy, message: &Message) {
        let Some(chain) = self.chain(plan, message).filter(|_| policy == Policy::Ordered) else {
            return;
        };
        let earlier = self.chains[chain].iter().take_while(|index| **index < message.index);
        let parked = |index: &&usize| {
            let known = &self.records[message.partition][**index];
            known.fate == Fate::Parked && known.replays == 0
        };
        let left = earlier.copied().find(|index| parked(&index));
        self.hold(left.is_none(), RULE, || format!("{message:?} freed before {left:?}"));
    }

    /// Before an output that is read come all those of its record before it, and of its key's earlier
    /// records.
    pub(crate) fn read_in_order(&mut self, plan: &Plan, message: Message) {
        let Message { partition, index, target, nth, .. } = message;
        let Some(chain) = self.chain(plan, &message) else { return };
        let known = &self.records[partition][index];
        let (seen, passed) = (known.seen[target], known.passed);
        self.hold(nth + 1 == seen, RULE, || format!("{message:?} seen {seen}"));
        let head = chain * TARGETS + target;
        while let Some(earlier) = self.chains[chain].get(self.heads[head]).copied()
            && earlier < index
        {
            self.heads[head] += 1;
            let known = &self.records[partition][earlier];
            let record = &plan.records[partition][earlier];
            let there = match known.fate {
                _ if known.passed => true,
                Fate::Open => record.is_gone(self.now),
                Fate::Parked => false,
                Fate::Done => known.seen[target] == record.outputs[target],
                Fate::Dead | Fate::Gone => true,
            };
            self.hold(there, RULE, || format!("{message:?} before {earlier}"));
        }
        let at_head = passed || self.chains[chain].get(self.heads[head]) == Some(&index);
        self.hold(at_head, RULE, || format!("{message:?} too late"));
    }
}
