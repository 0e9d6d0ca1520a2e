//! All groups of the broker.

use super::state::Group;
use super::{Settings, Time};
use std::collections::{BTreeMap, BTreeSet};

/// All groups.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(super) settings: Settings,
    pub(super) all: BTreeMap<String, Group>,
    /// When to look at which group, at the latest.
    pub(super) due: BTreeSet<(Time, String)>,
    /// Groups that hold offsets of a producer's open transaction.
    pub(super) open: BTreeMap<i64, BTreeSet<String>>,
    pub(super) next_retention: Time,
    /// Place of the latest commit.
    pub(super) order: u64,
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new(settings: Settings, now: Time) -> Groups {
        let next_retention = now + settings.offsets_retention_check;
        Groups {
            settings,
            all: BTreeMap::new(),
            due: BTreeSet::new(),
            open: BTreeMap::new(),
            next_retention,
            order: 0,
        }
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is a group of this id.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.all.contains_key(id)
    }

    /// When [`Groups::tick`] is to be called, if nothing happens before.
    pub(crate) fn next_tick(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        let retention = (!self.all.is_empty()).then_some(self.next_retention);
        due.into_iter().chain(retention).min()
    }

    /// The group of this id; created if there is none.
    pub(super) fn group(&mut self, id: &str, now: Time) -> &mut Group {
        self.all.entry(id.to_owned()).or_insert_with(|| Group::new(id, now))
    }

    /// Has the group looked at when it next has something to do, or earlier: a deadline that moves
    /// away (a sign of life) costs nothing here.
    pub(super) fn schedule(&mut self, id: &str) {
        let Some(group) = self.all.get_mut(id) else { return };
        let Some(at) = group.deadline() else { return };
        if group.due.is_none_or(|due| at < due) {
            if let Some(due) = group.due {
                self.due.remove(&(due, id.to_owned()));
            }
            group.due = Some(at);
            self.due.insert((at, id.to_owned()));
        }
    }

    /// Takes a group away; how it was.
    pub(super) fn take(&mut self, id: &str) -> Option<Group> {
        let group = self.all.remove(id)?;
        if let Some(due) = group.due {
            self.due.remove(&(due, id.to_owned()));
        }
        for producer in group.open.keys() {
            if let Some(groups) = self.open.get_mut(producer) {
                groups.remove(id);
                if groups.is_empty() {
                    self.open.remove(producer);
                }
            }
        }
        Some(group)
    }
}
