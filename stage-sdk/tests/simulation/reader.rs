//! What a reader of committed records sees, message by message.

use crate::input::TARGETS;
use crate::logs::{Form, Message};
use crate::oracle::{Fate, Oracle};
use crate::plan::Plan;

impl Oracle {
    /// A message can be read now.
    pub(crate) fn seen(&mut self, plan: &Plan, message: Message) {
        let Message { partition, index, target, nth, form, .. } = message;
        if form != Form::Output {
            return;
        }
        self.hidden = self.hidden.saturating_sub(1);
        let record = &plan.records[partition][index];
        let known = &mut self.records[partition][index];
        known.seen[target] += 1;
        let (seen, fate) = (known.seen[target], known.fate);
        let most = match fate {
            Fate::Open | Fate::Parked | Fate::Gone => 0,
            Fate::Dead => u8::from(target == TARGETS),
            Fate::Done => record.outputs.get(target).copied().unwrap_or_default(),
        };
        self.hold(seen <= most, "no output twice", || format!("{message:?} seen {seen}"));
        if let Some(key) = plan.ordered_key(partition, index).filter(|_| target < TARGETS) {
            self.hold(nth + 1 == seen, "order per key", || format!("{message:?} seen {seen}"));
            self.in_order(plan, partition * plan.keys + key, message);
        }
    }

    /// Before it come all outputs of its key's earlier records.
    fn in_order(&mut self, plan: &Plan, chain: usize, message: Message) {
        let Message { partition, index, target, .. } = message;
        let head = chain * TARGETS + target;
        while let Some(earlier) = self.chains[chain].get(self.heads[head]).copied()
            && earlier < index
        {
            self.heads[head] += 1;
            let known = &self.records[partition][earlier];
            let record = &plan.records[partition][earlier];
            let there = match known.fate {
                Fate::Open => record.is_gone(self.now),
                Fate::Parked => false,
                Fate::Done => known.seen[target] == record.outputs[target],
                Fate::Dead | Fate::Gone => true,
            };
            self.hold(there, "order per key", || format!("{message:?} before {earlier}"));
        }
        let at_head = self.chains[chain].get(self.heads[head]) == Some(&index);
        self.hold(at_head, "order per key", || format!("{message:?} too late"));
    }
}
