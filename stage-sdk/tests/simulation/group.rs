//! The model of the consumer group: generations, who owns which partition, and cooperative
//! hand-overs, where the next owner gets a partition only once the last one gave it back.

use crate::agenda::{What, Who};
use crate::member::Note;
use crate::say;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::Time;

/// What a member learns when the group has a new generation.
#[derive(Debug)]
pub(crate) struct Sync {
    generation: u32,
    session: u32,
    revoked: Vec<usize>,
    assigned: Vec<usize>,
}

/// The broker's side of a member.
#[derive(Clone, Default)]
pub(crate) struct Membership {
    pub(crate) joined: bool,
    /// What was said to an earlier session does not hold any more.
    pub(crate) session: u32,
    /// What was taken from it and it did not give back yet: until then it learns of nothing new.
    pub(crate) taken: Vec<usize>,
}

pub(crate) struct Group {
    pub(crate) generation: u32,
    pub(crate) members: Vec<Membership>,
    pub(crate) owners: Vec<Option<usize>>,
    /// Who is to own it.
    pub(crate) targets: Vec<Option<usize>>,
    pub(crate) revoking: Vec<bool>,
}

impl Group {
    pub(crate) fn new(members: usize, partitions: usize) -> Group {
        Group {
            generation: 0,
            members: vec![Membership::default(); members],
            owners: vec![None; partitions],
            targets: vec![None; partitions],
            revoking: vec![false; partitions],
        }
    }

    /// Whether offsets of this generation are taken from a member.
    pub(crate) fn accepts(&self, member: usize, generation: Option<u32>) -> bool {
        self.members[member].joined && generation == Some(self.generation)
    }

    pub(crate) fn owned(&self, member: usize) -> Vec<usize> {
        (0..self.owners.len()).filter(|p| self.owners[*p] == Some(member)).collect()
    }

    pub(crate) fn forget(&mut self, member: usize) {
        let session = self.members[member].session + 1;
        self.members[member] = Membership { session, ..Membership::default() };
        for partition in self.owned(member) {
            self.owners[partition] = None;
            self.revoking[partition] = false;
        }
    }
}

impl World {
    /// A new generation; `spread`: how likely a partition is to change its owner.
    pub(crate) fn regroup(&mut self, spread: f64) {
        self.group.generation += 1;
        let members: Vec<usize> =
            (0..self.members.len()).filter(|m| self.group.members[*m].joined).collect();
        for partition in 0..self.group.owners.len() {
            // It is to be added later.
            if self.plan.since[partition] > self.now {
                continue;
            }
            let target = self.group.targets[partition];
            let stays = target.is_some_and(|m| members.contains(&m));
            if !members.is_empty() && (!stays || self.random.random_bool(spread)) {
                let chosen = self.random.random_range(0..members.len());
                self.group.targets[partition] = Some(members[chosen]);
            }
        }
        for member in members {
            if !self.group.members[member].taken.is_empty() {
                continue;
            }
            let (mut revoked, mut assigned) = (Vec::new(), Vec::new());
            for partition in 0..self.group.owners.len() {
                let wanted = self.group.targets[partition] == Some(member);
                let owner = self.group.owners[partition];
                if owner == Some(member) && !wanted && !self.group.revoking[partition] {
                    self.group.revoking[partition] = true;
                    revoked.push(partition);
                } else if owner.is_none() && wanted {
                    self.group.owners[partition] = Some(member);
                    assigned.push(partition);
                }
            }
            self.tell_group(member, revoked, assigned);
        }
    }

    /// The group learns a while later that partitions were added.
    pub(crate) fn add_later(&mut self) {
        let added = self.plan.since.last().copied().unwrap_or_default();
        if added > Time::ZERO {
            let at = added + self.some_time(300);
            self.agenda.note(at, What::Added);
        }
    }

    /// The input has more partitions: somebody is to have them.
    pub(crate) fn added(&mut self) {
        say!(self, "ADDED {:?}", self.plan.since);
        self.counts.added += u64::from(self.members.iter().any(|member| member.core.is_some()));
        self.regroup(0.2);
    }

    pub(crate) fn tell_group(&mut self, member: usize, revoked: Vec<usize>, assigned: Vec<usize>) {
        let session = self.group.members[member].session;
        let sync = Sync { generation: self.group.generation, session, revoked, assigned };
        // A member learns of generations in their order.
        let at = (self.now + self.latency()).max(self.members[member].synced_at);
        self.members[member].synced_at = at;
        let who = self.who(member);
        self.agenda.note(at, What::Sync(who, sync));
    }

    pub(crate) fn sync(&mut self, who: Who, sync: Sync) {
        if sync.session != self.group.members[who.member].session {
            return;
        }
        say!(self, "{who:?} {sync:?}");
        let member = &mut self.members[who.member];
        member.generation = Some(sync.generation);
        if !sync.revoked.is_empty() {
            member.notes.push_back(Note::Revoked(sync.revoked));
        }
        if !sync.assigned.is_empty() {
            sync.assigned.iter().for_each(|partition| member.assigned[*partition] = true);
            member.notes.push_back(Note::Assigned(sync.assigned));
        }
        self.wake(who.member);
    }
}
