//! DeleteGroups and OffsetDelete; and what a deleted topic leaves behind.

use super::record::{Key, Record};
use super::step::Undo;
use super::{Groups, State, Step, Time};
use kafka_protocol::error::ResponseError;

impl Groups {
    /// Answers DeleteGroups for one group: it and its offsets are gone.
    pub(crate) fn delete(&mut self, id: &str) -> Step<Result<(), ResponseError>> {
        let mut step = Step::default();
        match self.all.get(id).map(|group| group.state) {
            None => step.with(Err(ResponseError::GroupIdNotFound)),
            Some(State::Empty) => {
                self.remove(id, &mut step);
                step.with(Ok(()))
            }
            Some(_) => step.with(Err(ResponseError::NonEmptyGroup)),
        }
    }

    /// Answers OffsetDelete: one result for each topic and partition, in order, or one for all.
    pub(crate) fn delete_offsets(
        &mut self,
        now: Time,
        id: &str,
        partitions: &[(&str, i32)],
    ) -> Step<Result<Vec<Result<(), ResponseError>>, ResponseError>> {
        let mut step = Step::default();
        if id.is_empty() {
            return step.with(Err(ResponseError::InvalidGroupId));
        }
        let Some(group) = self.all.get(id) else {
            return step.with(Err(ResponseError::GroupIdNotFound));
        };
        if group.state != State::Empty && !group.is_consumer_group() {
            return step.with(Err(ResponseError::NonEmptyGroup));
        }
        let consumed = |topic: &str| match group.is_subscribed(topic) {
            true => Err(ResponseError::GroupSubscribedToTopic),
            false => Ok(()),
        };
        let results: Vec<_> = partitions.iter().map(|(topic, _)| consumed(topic)).collect();
        for ((topic, partition), result) in partitions.iter().zip(&results) {
            if result.is_ok() {
                self.forget(now, id, topic, *partition, &mut step);
            }
        }
        step.with(Ok(results))
    }

    /// A topic, or some partitions of it, exists no longer: no group has offsets of it.
    pub(crate) fn topic_deleted(&mut self, now: Time, topic: &str) -> Step {
        let mut step = Step::default();
        let mut found = Vec::new();
        for (id, group) in &self.all {
            for offsets in group.open.values().chain([&group.offsets]) {
                let of_topic = offsets.iter().filter(|(name, _, _)| *name == topic);
                found.extend(of_topic.map(|(_, partition, _)| (id.clone(), partition)));
            }
        }
        for (id, partition) in found {
            self.forget(now, &id, topic, partition, &mut step);
        }
        step
    }

    /// Removes an offset, also from open transactions.
    pub(super) fn forget(
        &mut self,
        now: Time,
        id: &str,
        topic: &str,
        partition: i32,
        step: &mut Step,
    ) {
        let Some(group) = self.all.get(id) else { return };
        let committed = group.offsets.get(topic, partition).is_some();
        let open = group.open.iter().filter(|(_, o)| o.get(topic, partition).is_some());
        let producers: Vec<i64> = open.map(|(producer, _)| *producer).collect();
        if committed {
            self.put_offset(now, id, topic, partition, None, step);
        }
        for producer in producers {
            self.put_open_offset(now, producer, id, topic, partition, None, step);
        }
    }

    /// Removes a group with all it has.
    pub(super) fn remove(&mut self, id: &str, step: &mut Step) {
        let Some(group) = self.take(id) else { return };
        for (topic, partition, _) in group.offsets.iter() {
            step.records.push(Record::offset(id, topic, partition, None));
        }
        for (producer, offsets) in &group.open {
            for (topic, partition, _) in offsets.iter() {
                step.records.push(Record::pending(*producer, id, topic, partition, None));
            }
        }
        step.records.push(Record { key: Key::Group(id.to_owned()), value: None });
        step.undo.push(Undo::Removed(id.to_owned(), Box::new(group)));
    }
}
