//! How far groups are: committed offsets, and those that wait for the end of a transaction.

use crate::node::Node;
use crate::store::{self, Changes, Key};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

/// An offset, as it was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offset {
    #[serde(rename = "o")]
    pub(crate) offset: i64,
    #[serde(rename = "e")]
    pub(crate) leader_epoch: i32,
    #[serde(rename = "m")]
    pub(crate) metadata: String,
    /// When.
    #[serde(rename = "t")]
    pub(crate) at: i64,
}

/// A topic's partition.
pub(crate) type At = (String, i32);

/// All offsets.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<String, BTreeMap<At, Offset>>,
    /// By producer, then by group.
    pending: FxHashMap<i64, BTreeMap<String, BTreeMap<At, Offset>>>,
}

impl Offsets {
    /// What a store remembers.
    pub(crate) fn open(store: &store::Store) -> Offsets {
        let mut offsets = Offsets::default();
        for (key, json) in store.iter() {
            match key {
                Key::Offset(group, topic, index) => {
                    let Some(offset) = store::read(key, json) else { continue };
                    let group = offsets.committed.entry(group.clone()).or_default();
                    group.insert((topic.clone(), *index), offset);
                }
                Key::Pending(producer, group, topic, index) => {
                    let Some(offset) = store::read(key, json) else { continue };
                    let groups = offsets.pending.entry(*producer).or_default();
                    let group = groups.entry(group.clone()).or_default();
                    group.insert((topic.clone(), *index), offset);
                }
                _ => {}
            }
        }
        offsets
    }

    /// A group's committed offset.
    pub(crate) fn get(&self, group: &str, at: &At) -> Option<&Offset> {
        self.committed.get(group)?.get(at)
    }

    /// All committed offsets of a group.
    pub(crate) fn of(&self, group: &str) -> impl Iterator<Item = (&At, &Offset)> {
        self.committed.get(group).into_iter().flatten()
    }

    /// Whether an open transaction holds an offset of this partition.
    pub(crate) fn is_pending(&self, group: &str, at: &At) -> bool {
        let mut all = self.pending.values();
        all.any(|groups| groups.get(group).is_some_and(|offsets| offsets.contains_key(at)))
    }

    /// Whether an open transaction holds any offset of a group.
    pub(crate) fn has_pending(&self, group: &str) -> bool {
        self.pending.values().any(|groups| groups.contains_key(group))
    }

    /// The groups that have offsets.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &String> {
        self.committed.keys()
    }
}

impl Node {
    /// Commits offsets of a group.
    pub(crate) fn commit_offsets(&self, group: &str, offsets: Vec<(At, Offset)>) -> io::Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::default();
        for ((topic, index), offset) in &offsets {
            changes.put(Key::Offset(group.to_owned(), topic.clone(), *index), offset)?;
        }
        self.remember(changes)?;
        self.offsets.borrow_mut().committed.entry(group.to_owned()).or_default().extend(offsets);
        Ok(())
    }

    /// Holds offsets of a group until a producer's transaction ends.
    pub(crate) fn hold_offsets(
        &self,
        producer: i64,
        group: &str,
        offsets: Vec<(At, Offset)>,
    ) -> io::Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::default();
        for ((topic, index), offset) in &offsets {
            let key = Key::Pending(producer, group.to_owned(), topic.clone(), *index);
            changes.put(key, offset)?;
        }
        self.remember(changes)?;
        let mut all = self.offsets.borrow_mut();
        let groups = all.pending.entry(producer).or_default();
        groups.entry(group.to_owned()).or_default().extend(offsets);
        Ok(())
    }

    /// Lets the offsets of a producer's transaction take effect, or forgets them, together with
    /// other changes.
    pub(crate) fn release_offsets(
        &self,
        producer: i64,
        commit: bool,
        mut changes: Changes,
    ) -> io::Result<()> {
        let mut all = self.offsets.borrow_mut();
        for (group, offsets) in all.pending.get(&producer).into_iter().flatten() {
            for ((topic, index), offset) in offsets {
                changes.forget(Key::Pending(producer, group.clone(), topic.clone(), *index));
                if commit {
                    changes.put(Key::Offset(group.clone(), topic.clone(), *index), offset)?;
                }
            }
        }
        self.remember(changes)?;
        for (group, offsets) in all.pending.remove(&producer).into_iter().flatten() {
            if commit {
                all.committed.entry(group).or_default().extend(offsets);
            }
        }
        Ok(())
    }

    /// Forgets offsets of a group.
    pub(crate) fn forget_offsets(&self, group: &str, which: &[At]) -> io::Result<()> {
        let mut changes = Changes::default();
        for (topic, index) in which {
            changes.forget(Key::Offset(group.to_owned(), topic.clone(), *index));
        }
        self.remember(changes)?;
        let mut all = self.offsets.borrow_mut();
        if let Some(offsets) = all.committed.get_mut(group) {
            which.iter().for_each(|at| drop(offsets.remove(at)));
            if offsets.is_empty() {
                all.committed.remove(group);
            }
        }
        Ok(())
    }

    /// Forgets the offsets of partitions that are gone.
    pub(crate) fn forget_topic_offsets(&self, topic: &str) -> io::Result<()> {
        let groups: Vec<_> = self.offsets.borrow().groups().cloned().collect();
        for group in groups {
            let all = self.offsets.borrow();
            let gone: Vec<_> =
                all.of(&group).map(|(at, _)| at).filter(|at| at.0 == topic).cloned().collect();
            drop(all);
            if !gone.is_empty() {
                self.forget_offsets(&group, &gone)?;
            }
        }
        Ok(())
    }

    /// Forgets a group and its offsets.
    pub(crate) fn forget_group(&self, group: &str) -> io::Result<()> {
        let all: Vec<_> = self.offsets.borrow().of(group).map(|(at, _)| at.clone()).collect();
        self.forget_offsets(group, &all)?;
        let mut changes = Changes::default();
        changes.forget(Key::Group(group.to_owned()));
        self.remember(changes)?;
        self.groups.all.borrow_mut().remove(group);
        Ok(())
    }
}
