//! The groups at work: their steps written down, then answered to whoever waits.

#[cfg(test)]
mod tests;

use crate::group::{Answer, Groups, Record, Settings, Step, Time, Value};
use crate::node::Node;
use crate::records;
use crate::store::Changes;
use crate::waiting::{Token, Waiting};
use kafka_protocol::error::ResponseError;
use std::cell::{Ref, RefCell, RefMut};

/// All groups, and who waits for them.
pub(crate) struct Desk {
    groups: RefCell<Groups>,
    pub(crate) waiting: Waiting<Answer>,
}

impl Desk {
    /// Of no groups yet.
    pub(crate) fn new() -> Desk {
        let groups = RefCell::new(Groups::new(Settings::default(), 0));
        Desk { groups, waiting: Waiting::default() }
    }

    /// To look at.
    pub(crate) fn groups(&self) -> Ref<'_, Groups> {
        self.groups.borrow()
    }

    /// For what is not to be remembered: signs of life.
    pub(crate) fn groups_mut(&self) -> RefMut<'_, Groups> {
        self.groups.borrow_mut()
    }
}

/// What groups may do, by the broker's settings.
fn settings(node: &Node) -> Settings {
    Settings {
        initial_rebalance_delay: node.number("group.initial.rebalance.delay.ms"),
        min_session_timeout: node.number("group.min.session.timeout.ms"),
        max_session_timeout: node.number("group.max.session.timeout.ms"),
        max_size: node.size("group.max.size"),
        max_metadata: node.size("offset.metadata.max.bytes"),
        offsets_retention: node.number("offsets.retention.minutes") * 60_000,
        offsets_retention_check: node.number("offsets.retention.check.interval.ms"),
        ..Settings::default()
    }
}

impl Node {
    /// Reads the groups that are remembered.
    pub(crate) fn open_groups(&self) {
        let records = records::groups(&self.store.borrow());
        let (groups, step) = Groups::restore(settings(self), records, self.steady_now());
        *self.groups.groups_mut() = groups;
        // If it fails, the groups are as they were remembered.
        let _ = self.follow_groups(Changes::default(), step);
    }

    /// Has the groups take a step. What must not be forgotten is written down before anybody is
    /// told; if that fails, it did not happen.
    pub(crate) fn step_groups<T>(
        &self,
        act: impl FnOnce(&mut Groups, Time) -> Step<T>,
    ) -> Result<T, ResponseError> {
        self.step_groups_with(Changes::default(), act)
    }

    /// The same, and writes down other changes with it: all or none.
    pub(crate) fn step_groups_with<T>(
        &self,
        changes: Changes,
        act: impl FnOnce(&mut Groups, Time) -> Step<T>,
    ) -> Result<T, ResponseError> {
        let step = act(&mut self.groups.groups_mut(), self.steady_now());
        let done = self.follow_groups(changes, step);
        self.alarm.bring_forward(self.groups.groups().next_tick());
        done
    }

    fn follow_groups<T>(&self, mut changes: Changes, step: Step<T>) -> Result<T, ResponseError> {
        let written =
            records::of_groups(&step.records, &mut changes).and_then(|()| self.remember(changes));
        if written.is_err() {
            let error = ResponseError::CoordinatorNotAvailable;
            let back = self.groups.groups_mut().not_written(self.steady_now(), step, error);
            // It is followed as any other; what it writes, if anything, leaves nothing to take back.
            let _ = self.follow_groups(Changes::default(), back);
            return Err(error);
        }
        step.records.iter().for_each(trace);
        self.groups.waiting.answer(step.answers);
        Ok(step.answer)
    }

    /// Whoever waited under this token in a group has gone.
    pub(crate) fn hang_up(&self, group: &str, token: Token) {
        self.groups.waiting.forget(token);
        // Nobody waits for an answer. Not written down, it is done all the same: after a start the
        // member is there again, and is silent until its session ends.
        let _ = self.step_groups(|groups, now| groups.abandoned(now, group, token));
    }

    /// What time does to groups.
    pub(crate) fn tick_groups(&self) {
        // Likewise: who was silent too long is so again after a start.
        let _ = self.step_groups(Groups::tick);
    }

    /// Whether there is such a group, or another one can be made.
    pub(crate) fn has_room_for_group(&self, id: &str) -> bool {
        let groups = self.groups.groups();
        groups.contains(id) || groups.len() < self.size("max.groups")
    }
}

fn trace(record: &Record) {
    if let Some(Value::Group(group)) = &record.value {
        let (generation, members) = (group.generation, group.members.len());
        tracing::debug!(group = ?record.key, generation, members, "remembered");
    }
}
