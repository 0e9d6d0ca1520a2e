//! A group written down, and read back.

use super::member::Member;
use super::state::{Group, State};
use super::{Record, StoredGroup, Time};

impl Group {
    /// The group as it is to be remembered.
    pub(super) fn record(&self) -> Record {
        let protocol = self.protocol.as_deref();
        let members = self.by_place();
        let stored = StoredGroup {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since: self.since,
            members: members.into_iter().map(|(id, m)| m.stored(id, protocol)).collect(),
        };
        Record::put_group(&self.id, stored)
    }

    /// The opposite of [`Group::record`].
    pub(super) fn load(&mut self, stored: StoredGroup, now: Time) {
        let protocol = stored.protocol.clone().unwrap_or_default();
        self.state = if stored.members.is_empty() { State::Empty } else { State::Stable };
        self.since = stored.since;
        self.generation = stored.generation;
        self.protocol_type = stored.protocol_type;
        self.protocol = stored.protocol;
        self.leader = stored.leader;
        for member in stored.members {
            if let Some(instance) = &member.instance {
                self.instances.insert(instance.clone(), member.id.clone());
            }
            let id = member.id.clone();
            let restored = Member::restored(member, &protocol, self.next_place, now);
            self.members.insert(id, restored);
            self.next_place += 1;
        }
        self.subscribe();
    }
}
