//! How a worker comes into the group and goes out of it.

use crate::agenda::{What, Who};
use crate::group::Membership;
use crate::member::Note;
use crate::world::World;
use rand::RngExt;

impl World {
    pub(crate) fn join(&mut self, member: usize) {
        let session = self.group.members[member].session + 1;
        self.group.members[member] = Membership { joined: true, session, taken: Vec::new() };
        self.regroup(0.4);
    }

    /// One that comes back as the static member it was gets its own back at once.
    pub(crate) fn come_back(&mut self, member: usize) {
        self.group.members[member].session += 1;
        self.group.members[member].taken.clear();
        let owned = self.group.owned(member);
        owned.iter().for_each(|partition| self.group.revoking[*partition] = false);
        self.tell_group(member, Vec::new(), owned);
        self.regroup(0.0);
    }

    /// The group goes on without a member, whatever that one thinks.
    pub(crate) fn expel(&mut self, member: usize) {
        if self.group.members[member].joined {
            self.group.forget(member);
            self.regroup(0.2);
        }
    }

    /// A member learns that it was given up: what it holds is lost.
    pub(crate) fn expelled(&mut self, who: Who, session: u32) {
        let member = &mut self.members[who.member];
        if self.group.members[who.member].session != session {
            return;
        }
        member.generation = None;
        let held: Vec<usize> =
            (0..member.assigned.len()).filter(|partition| member.assigned[*partition]).collect();
        if held.is_empty() {
            let at = self.now + self.latency();
            return self.agenda.note(at, What::Rejoin(who));
        }
        member.notes.push_back(Note::Lost(held));
        self.wake(who.member);
    }

    /// The group goes on without a member for one partition only. That member is behind its
    /// generation until it gave the partition back.
    pub(crate) fn take_one(&mut self, member: usize) {
        let held = self.members[member].assigned.clone();
        let owned = self.group.owned(member).into_iter().filter(|partition| held[*partition]);
        let owned: Vec<usize> = owned.collect();
        if owned.is_empty() {
            return;
        }
        let partition = owned[self.random.random_range(0..owned.len())];
        self.group.owners[partition] = None;
        self.group.targets[partition] = None;
        self.group.revoking[partition] = false;
        self.group.members[member].taken.push(partition);
        // After what it was told before.
        let at = (self.now + self.some_time(300)).max(self.members[member].synced_at);
        self.members[member].synced_at = at;
        self.agenda.note(at, What::Taken(self.who(member), partition));
        self.regroup(0.0);
    }

    pub(crate) fn taken(&mut self, who: Who, partition: usize) {
        if self.group.members[who.member].taken.contains(&partition) {
            self.members[who.member].notes.push_back(Note::Lost(vec![partition]));
            self.wake(who.member);
        }
    }

    pub(crate) fn rejoin(&mut self, who: Who) {
        let member = &self.members[who.member];
        let free = member.generation.is_none() && !member.assigned.contains(&true);
        if free && !self.group.members[who.member].joined {
            self.join(who.member);
        }
    }

    /// A member gives partitions back; what it gave back already is not meant.
    pub(crate) fn given_back(&mut self, member: usize, partitions: &[usize]) {
        let who = self.who(member);
        let known = &mut self.members[member];
        let mut given = partitions.to_vec();
        given.retain(|partition| std::mem::take(&mut known.assigned[*partition]));
        if !self.group.members[member].joined {
            if known.generation.is_none() && !known.assigned.contains(&true) {
                let at = self.now + self.latency();
                self.agenda.note(at, What::Rejoin(who));
            }
            return;
        }
        self.group.members[member].taken.retain(|partition| !given.contains(partition));
        for partition in given {
            if self.group.owners[partition] == Some(member) {
                self.group.owners[partition] = None;
                self.group.revoking[partition] = false;
            }
        }
        self.regroup(0.0);
    }
}
