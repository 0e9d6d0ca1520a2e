//! Offsets that nobody has cared for long enough expire, and groups that hold nothing go.

use super::record::CommittedOffset;
use super::state::{Group, State};
use super::{Groups, Step, Time};

impl Groups {
    pub(super) fn retain(&mut self, now: Time, step: &mut Step) {
        let ids: Vec<String> = self.all.keys().cloned().collect();
        for id in ids {
            let Some(group) = self.all.get(&id) else { continue };
            for (topic, partition) in group.expired(now, self.settings.offsets_retention) {
                self.put_offset(now, &id, &topic, partition, None, step);
            }
            let holds_nothing = |group: &Group| {
                group.state == State::Empty
                    && group.pending.is_empty()
                    && group.offsets.is_empty()
                    && group.open.is_empty()
            };
            if self.all.get(&id).is_some_and(holds_nothing) {
                self.remove(&id, step);
            }
        }
    }
}

impl Group {
    fn expired(&self, now: Time, retention: Time) -> Vec<(String, i32)> {
        let expired = |topic: &str, partition: i32, offset: &CommittedOffset| {
            let Some(since) = self.unused_since(topic, offset) else { return false };
            let expired = match offset.expires {
                Some(expires) => now >= expires,
                None => now - since >= retention,
            };
            expired && !self.is_open(topic, partition)
        };
        let offsets = self.offsets.iter().filter(|(topic, p, offset)| expired(topic, *p, offset));
        offsets.map(|(topic, partition, _)| (topic.to_owned(), partition)).collect()
    }

    /// From when on the retention counts; none: the offset is in use.
    fn unused_since(&self, topic: &str, offset: &CommittedOffset) -> Option<Time> {
        if self.is_subscribed(topic) {
            return None;
        }
        match (&self.protocol_type, self.state) {
            // Never had members: whoever commits here counts by itself.
            (None, _) => Some(offset.committed),
            (Some(_), State::Empty) => Some(self.since),
            (Some(_), State::Stable) if self.is_consumer_group() => Some(offset.committed),
            _ => None,
        }
    }
}
