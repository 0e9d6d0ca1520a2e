//! Dead letters, on their way into a window.

use super::{Kafka, OVERHEAD};
use crate::batch::{Batch, Entry, Place};
use crate::core::{Core, Disposition, Partition, WindowId};
use crate::courier::Job;
use crate::dead_letter::{self, Sender, Trouble};
use crate::failure::Failure;
use crate::record::Record;
use crate::telemetry::DISPOSITIONS;

impl Kafka {
    /// Has the source record of a refused output read again.
    ///
    /// # Errors
    /// Its dead letter is refused as well.
    pub(crate) fn reread(
        &mut self,
        core: &Core,
        id: WindowId,
        partition: Partition,
        offset: i64,
        place: Option<i64>,
    ) -> Result<(), String> {
        let topic = self.topic(partition).to_owned();
        let batch = core.window(id).map(|window| window.batch);
        let batch = self.batches.iter().find(|(known, _)| Some(*known) == batch);
        let mut own = batch.iter().flat_map(|(_, batch)| batch.entries());
        let is_parked = |entry: &Entry| {
            (entry.source, entry.offset, entry.target) == (partition, offset, super::RETRY)
        };
        if own.any(is_parked) {
            return Err(format!(
                "topic {} refuses {topic} partition {} offset {offset}, which is to wait there; look at its max.message.bytes and message.timestamp.after.max.ms",
                self.worksite.topic(super::RETRY),
                partition.number
            ));
        }
        if !self.replaced.insert((partition, offset)) {
            return Err(format!(
                "the broker refuses the dead letter of {topic} partition {} offset {offset} too; look at max.message.bytes of {}",
                partition.number, self.worksite.dead_letters.topic
            ));
        }
        let (topic, at) = match place {
            Some(place) => (self.worksite.topic(super::RETRY).to_owned(), place),
            None => (topic, offset),
        };
        self.courier.ask(Job::Reread(id, partition, offset, topic, at));
        Ok(())
    }

    /// Puts the dead letter of a refused record in place of its outputs.
    pub(crate) fn replace(
        &mut self,
        core: &Core,
        id: WindowId,
        source: Partition,
        offset: i64,
        record: &Record<'_>,
    ) {
        let text = "the broker refused its output (record too large, invalid timestamp, or invalid for the topic)";
        let trouble = Trouble::of(&Failure::reject(text), Some("production"));
        let mut letter = Batch::default();
        self.write_dead_letter(&mut letter, source.input, record, &trouble, Disposition::Rejected);
        if source.is_lane() {
            self.push_tombstone(&mut letter, source, offset);
        }
        let number = core.window(id).map(|window| window.batch);
        if let Some((_, batch)) = self.batches.iter_mut().find(|(known, _)| Some(*known) == number)
        {
            batch.replace(source, offset, &letter);
        }
    }

    /// Writes a record's dead letter into the filling batch.
    pub(crate) fn dead_letter(
        &mut self,
        core: &Core,
        input: u16,
        record: &Record<'_>,
        trouble: &Trouble,
        why: Disposition,
    ) {
        let mut letter = Batch::default();
        self.write_dead_letter(&mut letter, input, record, trouble, why);
        let source = Partition { input, number: record.partition };
        self.filling(core).append(&letter, source, record.offset);
    }

    fn write_dead_letter(
        &mut self,
        batch: &mut Batch,
        input: u16,
        record: &Record<'_>,
        trouble: &Trouble,
        why: Disposition,
    ) {
        let source = Partition { input, number: record.partition };
        let sender = Sender {
            topic: self.topic(source),
            group: &self.worksite.group,
            stage: &self.worksite.stage,
            dialects: &self.worksite.dialects,
        };
        let target = &self.worksite.dead_letters;
        let room = target.limit.saturating_sub(OVERHEAD);
        let (headers, value) = dead_letter::fit(record, &sender, trouble, why, room);
        let why = dead_letter::disposition(trouble, why);
        if let Some(at) = DISPOSITIONS.iter().position(|known| *known == why) {
            self.sent.letters[at] += 1;
        }
        let place = Place {
            source,
            offset: record.offset,
            target: super::DEAD_LETTERS,
            partition: Some(record.partition % target.partitions.max(1)),
            time: -1,
            key: record.key,
            headers: &headers,
        };
        let write = value.map(|value| {
            move |bytes: &mut Vec<u8>| {
                bytes.extend_from_slice(value);
                Ok::<(), std::convert::Infallible>(())
            }
        });
        batch.push(place, write).ok();
    }
}
