//! What a reader of committed records sees, message by message.

use crate::input::TARGETS;
use crate::logs::{Form, Message};
use crate::oracle::{Fate, Oracle};
use crate::plan::Plan;

impl Oracle {
    /// A message can be read now.
    pub(crate) fn seen(&mut self, plan: &Plan, message: Message) {
        let Message { partition, index, target, form, .. } = message;
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
        let most = most + if target == TARGETS { known.replays } else { 0 };
        self.hold(seen <= most, "no output twice", || format!("{message:?} seen {seen}"));
        if target < TARGETS {
            self.read_in_order(plan, message);
        }
    }
}
