//! The groups after a restart.

use super::{Groups, Key, Settings, Step, Time, Value};

impl Groups {
    /// The groups as they were written down, in any order of records. Members have a whole session
    /// ahead of them. Follow the step as any other.
    pub(crate) fn restore(
        settings: Settings,
        records: impl IntoIterator<Item = (Key, Value)>,
        now: Time,
    ) -> (Groups, Step) {
        let mut groups = Groups::new(settings, now);
        for (key, value) in records {
            match (key, value) {
                (Key::Group(id), Value::Group(stored)) => groups.group(&id, now).load(stored, now),
                (Key::Offset(id, topic, partition), Value::Offset(offset)) => {
                    groups.order = groups.order.max(offset.order);
                    groups.group(&id, now).offsets.put(&topic, partition, Some(offset));
                }
                (Key::Pending(producer, id, topic, partition), Value::Offset(offset)) => {
                    groups.order = groups.order.max(offset.order);
                    groups.put_pending(producer, &id, &topic, partition, Some(offset), now);
                }
                (Key::Group(_), Value::Offset(_)) | (_, Value::Group(_)) => {}
            }
        }
        let mut step = Step::default();
        let ids: Vec<String> = groups.all.keys().cloned().collect();
        for id in ids {
            if let Some(group) = groups.all.get_mut(&id)
                && group.members.len() > groups.settings.max_size
            {
                group.prepare(now, &groups.settings, &mut step);
            }
            groups.schedule(&id);
        }
        (groups, step)
    }
}
