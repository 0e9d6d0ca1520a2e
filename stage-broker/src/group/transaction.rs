//! A transaction ends: its offsets take effect, or are forgotten.

use super::{Groups, Step, Time};

impl Groups {
    /// The commit or abort marker of a producer id, for all its groups. An offset that was committed
    /// later than the transaction's stays.
    pub(crate) fn end_transaction(&mut self, now: Time, producer: i64, commit: bool) -> Step {
        let mut step = Step::default();
        let ids: Vec<String> = self.open.get(&producer).into_iter().flatten().cloned().collect();
        for id in ids {
            let offsets = self.group(&id, now).open.get(&producer).cloned().unwrap_or_default();
            for (topic, partition, offset) in offsets.iter() {
                let present = self.group(&id, now).offsets.get(topic, partition);
                if commit && present.is_none_or(|present| present.order < offset.order) {
                    let offset = Some(offset.clone());
                    self.put_offset(now, &id, topic, partition, offset, &mut step);
                }
                self.put_open_offset(now, producer, &id, topic, partition, None, &mut step);
            }
        }
        step
    }
}
