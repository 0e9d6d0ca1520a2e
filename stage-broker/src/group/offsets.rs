//! Offsets by topic and partition, and how each change to them is written down and taken back.

use super::record::{CommittedOffset, Record};
use super::step::Undo;
use super::{Groups, Step, Time};
use std::collections::BTreeMap;

/// Offsets by topic and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offsets(BTreeMap<String, BTreeMap<i32, CommittedOffset>>);

impl Offsets {
    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.0.get(topic)?.get(&partition)
    }

    /// Sets or removes one; what was there.
    pub(super) fn put(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Option<CommittedOffset>,
    ) -> Option<CommittedOffset> {
        match (self.0.get_mut(topic), offset) {
            (Some(partitions), Some(offset)) => partitions.insert(partition, offset),
            (Some(partitions), None) => {
                let was = partitions.remove(&partition);
                if partitions.is_empty() {
                    self.0.remove(topic);
                }
                was
            }
            (None, Some(offset)) => {
                self.0.insert(topic.to_owned(), BTreeMap::from([(partition, offset)]));
                None
            }
            (None, None) => None,
        }
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, CommittedOffset>)> {
        self.0.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, i32, &CommittedOffset)> {
        self.topics().flat_map(|(topic, all)| all.iter().map(move |(p, o)| (topic, *p, o)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Groups {
    /// Changes a group's offset, in this step.
    pub(super) fn put_offset(
        &mut self,
        now: Time,
        id: &str,
        topic: &str,
        partition: i32,
        offset: Option<CommittedOffset>,
        step: &mut Step,
    ) {
        step.records.push(Record::offset(id, topic, partition, offset.clone()));
        let was = self.group(id, now).offsets.put(topic, partition, offset);
        step.undo.push(Undo::Offset(id.to_owned(), topic.to_owned(), partition, was));
    }

    /// Changes a group's offset in a producer's open transaction, in this step.
    #[allow(clippy::too_many_arguments, reason = "a place of five parts, a value, and the step")]
    pub(super) fn put_open_offset(
        &mut self,
        now: Time,
        producer: i64,
        id: &str,
        topic: &str,
        partition: i32,
        offset: Option<CommittedOffset>,
        step: &mut Step,
    ) {
        step.records.push(Record::pending(producer, id, topic, partition, offset.clone()));
        let was = self.put_pending(producer, id, topic, partition, offset, now);
        step.undo.push(Undo::Pending(producer, id.to_owned(), topic.to_owned(), partition, was));
    }

    /// The same, without writing anything down.
    pub(super) fn put_pending(
        &mut self,
        producer: i64,
        id: &str,
        topic: &str,
        partition: i32,
        offset: Option<CommittedOffset>,
        now: Time,
    ) -> Option<CommittedOffset> {
        let group = self.group(id, now);
        let offsets = group.open.entry(producer).or_default();
        let was = offsets.put(topic, partition, offset);
        if offsets.is_empty() {
            group.open.remove(&producer);
            if let Some(groups) = self.open.get_mut(&producer) {
                groups.remove(id);
                if groups.is_empty() {
                    self.open.remove(&producer);
                }
            }
        } else {
            self.open.entry(producer).or_default().insert(id.to_owned());
        }
        was
    }
}
