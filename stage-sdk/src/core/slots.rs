//! The records in flight, and which waits behind which key.
//!
//! Records of one key form a chain in arrival order; the head runs, the others wait. Places are
//! reused, so a steady stream allocates nothing.

use super::{Id, Partition, Time};
use rustc_hash::FxHashMap;

/// What a record is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Behind its key's head.
    Behind,
    /// Free to start, once there is a place.
    Ready,
    /// Its handler runs.
    Running {
        /// When this attempt must have ended.
        until: Time,
    },
    /// Failed; starts again then.
    BackingOff {
        /// When.
        until: Time,
    },
}

/// One record in flight.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Where it came from.
    pub partition: Partition,
    /// Its offset there.
    pub offset: i64,
    /// Its size.
    pub bytes: usize,
    /// What it is doing.
    pub state: State,
    /// Attempts that have failed and count.
    pub attempts: u32,
    /// Failures in a row, counted or not: what the back-off grows with.
    pub failures: u32,
    /// When it failed first.
    pub first: Option<Time>,
    /// Hash of its key.
    pub key: Option<u64>,
    behind: Option<u32>,
    life: u32,
    live: bool,
}

/// All records in flight.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The last record of each key that has any.
    tails: FxHashMap<u64, u32>,
}

impl Slots {
    /// Takes a place; the record is ready, or behind another of its key.
    pub fn insert(
        &mut self,
        partition: Partition,
        offset: i64,
        key: Option<u64>,
        bytes: usize,
    ) -> Id {
        let slot = Slot {
            partition,
            offset,
            bytes,
            state: State::Ready,
            attempts: 0,
            failures: 0,
            first: None,
            key,
            behind: None,
            life: 0,
            live: true,
        };
        let at = match self.free.pop() {
            Some(at) => {
                let life = self.slots[at as usize].life;
                self.slots[at as usize] = Slot { life, ..slot };
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        if let Some(key) = key
            && let Some(before) = self.tails.insert(key, at)
        {
            self.slots[before as usize].behind = Some(at);
            self.slots[at as usize].state = State::Behind;
        }
        Id { slot: at, life: self.slots[at as usize].life }
    }

    /// Whether a record of this key is in flight.
    pub fn holds(&self, key: u64) -> bool {
        self.tails.contains_key(&key)
    }

    /// The record, unless it is gone.
    pub fn get(&self, id: Id) -> Option<&Slot> {
        self.slots.get(id.slot()).filter(|slot| slot.live && slot.life == id.life)
    }

    /// The record, unless it is gone.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot()).filter(|slot| slot.live && slot.life == id.life)
    }

    /// Frees the place of a head of its key; gives the next of the key, which is ready now.
    pub fn remove(&mut self, id: Id) -> Option<Id> {
        let slot = self.get_mut(id)?;
        slot.live = false;
        slot.life = slot.life.wrapping_add(1);
        let (key, behind) = (slot.key, slot.behind.take());
        self.free.push(id.slot);
        match (key, behind) {
            (_, Some(next)) => {
                let slot = &mut self.slots[next as usize];
                slot.state = State::Ready;
                Some(Id { slot: next, life: slot.life })
            }
            (Some(key), None) => {
                self.tails.remove(&key);
                None
            }
            (None, None) => None,
        }
    }

    /// Frees the places of those of a partition's records that `gone` says; a record that stays
    /// has nothing behind it any more. A key belongs to one partition, so no chain is cut amid.
    pub fn remove_where(&mut self, ids: &[Id], gone: impl Fn(&Slot) -> bool) -> Vec<Slot> {
        let mut removed = Vec::new();
        let mut stay = Vec::new();
        for id in ids {
            let Some(slot) = self.get_mut(*id) else { continue };
            slot.behind = None;
            if gone(slot) {
                removed.push(slot.clone());
                slot.live = false;
                slot.life = slot.life.wrapping_add(1);
                self.free.push(id.slot);
            } else {
                stay.push((slot.key, id.slot));
            }
        }
        for key in removed.iter().filter_map(|slot| slot.key) {
            self.tails.remove(&key);
        }
        for (key, slot) in stay {
            key.map(|key| self.tails.insert(key, slot));
        }
        removed
    }

    /// The live record in this slot.
    pub fn id_at(&self, slot: usize) -> Option<Id> {
        let found = self.slots.get(slot).filter(|slot| slot.live)?;
        Some(Id { slot: slot as u32, life: found.life })
    }

    /// Every record in flight.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Slot)> {
        let live = self.slots.iter().enumerate().filter(|(_, slot)| slot.live);
        live.map(|(at, slot)| (Id { slot: at as u32, life: slot.life }, slot))
    }
}
