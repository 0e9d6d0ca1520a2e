//! Time passes: members that fell silent go, rebalances that lasted long enough go on.

use super::rebalance::Joining;
use super::state::{Group, State};
use super::{Groups, Settings, Step, Time};

impl Groups {
    /// Does what is due. To be called at [`Groups::next_tick`]; at any other time it does no harm.
    pub(crate) fn tick(&mut self, now: Time) -> Step {
        let mut step = Step::default();
        while let Some((at, id)) = self.due.first().cloned()
            && at <= now
        {
            self.due.pop_first();
            if let Some(group) = self.all.get_mut(&id) {
                group.due = None;
                group.expire(now, &self.settings, &mut step);
            }
            self.schedule(&id);
        }
        if now >= self.next_retention {
            self.next_retention = now + self.settings.offsets_retention_check;
            self.retain(now, &mut step);
        }
        step
    }
}

impl Group {
    fn expire(&mut self, now: Time, settings: &Settings, step: &mut Step) {
        let late = self.pending.iter().filter(|(_, until)| **until <= now);
        let mut gone: Vec<String> = late.map(|(id, _)| id.clone()).collect();
        let silent = |m: &super::member::Member| m.deadline().is_some_and(|at| at <= now);
        gone.extend(self.members.iter().filter(|(_, m)| silent(m)).map(|(id, _)| id.clone()));
        let mut lost = gone.iter().any(|id| self.members.contains_key(id));
        if self.sync_until.is_some_and(|until| until <= now) {
            lost |= !self.unsynced.is_empty();
            gone.extend(self.unsynced.iter().cloned());
            self.sync_until = None;
        }
        for id in &gone {
            self.remove(id, step);
        }
        match self.state {
            State::PreparingRebalance => self.try_complete_join(now, settings, step),
            State::CompletingRebalance | State::Stable if lost => {
                self.prepare(now, settings, step);
            }
            _ => {}
        }
    }

    /// When it next has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let joining = self.joining.map(|joining| match joining {
            Joining::Initial { until, .. } | Joining::Until(until) => until,
        });
        let members = self.members.values().filter_map(super::member::Member::deadline);
        let pending = self.pending.values().copied();
        members.chain(pending).chain(joining).chain(self.sync_until).min()
    }
}
