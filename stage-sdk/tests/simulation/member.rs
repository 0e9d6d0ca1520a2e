//! One worker as the simulation sees it: a core, and what the acting half keeps beside it.

use crate::batches::{Entry, Sending};
use crate::courier::Courier;
use crate::lane::Lane;
use crate::levers::Levers;
use crate::logs::Message;
use crate::transaction::Producer;
use crate::world::World;
use stage_sdk::core::{Core, Event, Exit, Id, Outcome, Retry, Settings, Time, WindowId};
use std::collections::{BTreeMap, VecDeque};

/// What the group did.
#[derive(Debug)]
pub(crate) enum Note {
    Assigned(Vec<usize>),
    Revoked(Vec<usize>),
    Lost(Vec<usize>),
}

/// Where a partition is read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fetch {
    /// The number of the next record.
    pub(crate) next: usize,
    pub(crate) paused: bool,
}

/// A running handler.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) id: Id,
    pub(crate) attempt: u32,
    pub(crate) partition: usize,
    pub(crate) index: usize,
    /// It came back from the retry topic.
    pub(crate) lane: bool,
    pub(crate) since: Time,
}

/// How often a record was tried while the partition was ours.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) starts: u32,
    pub(crate) failures: u32,
    /// Those that count for the limit.
    pub(crate) attempts: u32,
    /// As many there may be in any case, whatever the limit is now.
    pub(crate) allowed: u32,
    /// The handler said when it may be tried again.
    pub(crate) not_before: Option<Time>,
    /// Since then it has outputs, is filtered, or has a dead letter.
    pub(crate) done: Option<Time>,
}

#[derive(Default)]
pub(crate) struct Member {
    /// None: it does not run.
    pub(crate) core: Option<Core>,
    pub(crate) life: u32,
    /// The policy it runs by, in this life and until another is in force; whether that is the changed one.
    pub(crate) retry: Retry,
    pub(crate) changed: bool,
    pub(crate) identity: usize,
    pub(crate) effects: VecDeque<stage_sdk::core::Effect>,
    pub(crate) next_turn: Option<Time>,
    pub(crate) stalled_until: Time,
    pub(crate) levers: Levers,
    /// Rounds of its loop that were due and did nothing.
    pub(crate) spins: u32,

    pub(crate) notes: VecDeque<Note>,
    pub(crate) synced_at: Time,
    /// The generation as its client knows it, and what it holds.
    pub(crate) generation: Option<u32>,
    pub(crate) assigned: Vec<bool>,
    pub(crate) revoked_at: Vec<Option<Time>>,
    pub(crate) fetching: Vec<Option<Fetch>>,

    /// The bytes it keeps of records in flight, by slot.
    pub(crate) kept: Vec<Option<(usize, usize)>>,
    /// Which slots hold records of a lane.
    pub(crate) lanes: Vec<bool>,
    pub(crate) running: Vec<Run>,
    pub(crate) ready: Vec<(Id, u32)>,
    pub(crate) attempts: u32,
    /// Its circuit is open; what was tried last since.
    pub(crate) open: bool,
    pub(crate) probe: Option<Id>,
    pub(crate) tallies: Vec<Vec<Tally>>,

    pub(crate) producer: Option<Producer>,
    pub(crate) batches: VecDeque<(u64, Vec<Entry>)>,
    pub(crate) sending: Option<Sending>,
    /// Sent, and not at the broker yet.
    pub(crate) outbox: Vec<Message>,
    pub(crate) courier: Courier,
    pub(crate) lane: Lane,
    /// How often it gave partitions back.
    pub(crate) given: usize,
    /// The last offsets it tried to commit.
    pub(crate) tried: BTreeMap<usize, (i64, String)>,

    /// Windows that ended without effect: how often, and when last.
    pub(crate) failed_windows: BTreeMap<WindowId, (u32, Time)>,

    pub(crate) stop: bool,
    pub(crate) stopped_at: Option<Time>,
    /// A record was to stop it.
    pub(crate) failed: bool,
    /// How the arriving record's inline handler failed before the core was told of the record.
    pub(crate) failed_early: Option<Outcome>,
    pub(crate) exit: Option<Exit>,
}

impl Member {
    pub(crate) fn new(partitions: usize, retry: Retry) -> Member {
        Member {
            retry,
            assigned: vec![false; partitions],
            revoked_at: vec![None; partitions],
            fetching: vec![None; partitions],
            tallies: vec![Vec::new(); partitions],
            ..Member::default()
        }
    }

    /// Forgets all but who it is.
    pub(crate) fn end(&mut self) {
        let partitions = self.assigned.len();
        let (life, identity, changed) = (self.life + 1, self.identity, self.changed);
        let retry = std::mem::take(&mut self.retry);
        *self = Member { life, identity, changed, ..Member::new(partitions, retry) };
    }
}

impl World {
    pub(crate) fn begin_life(&mut self, number: usize, producer: Producer) {
        if self.ending {
            return;
        }
        let incarnation = (number as u64) << 32 | u64::from(self.members[number].life);
        self.take_up_policy(number);
        let retry = self.members[number].retry.clone();
        let settings = Settings { incarnation, retry, ..self.plan.settings.clone() };
        let member = &mut self.members[number];
        member.core = Some(Core::new(settings));
        member.producer = Some(producer);
        if self.group.members[number].joined {
            self.come_back(number);
        } else {
            self.join(number);
        }
        self.wake(number);
    }

    /// One event; its effects are left to whoever acts.
    pub(crate) fn tell(&mut self, number: usize, event: Event<'_>) {
        let member = &mut self.members[number];
        if let Some(core) = &mut member.core {
            self.counts.steps += 1;
            core.step(self.now, event, &mut member.effects);
        }
    }

    /// One event, and what follows from it.
    pub(crate) fn step(&mut self, number: usize, event: Event<'_>) {
        self.tell(number, event);
        self.act(number, None);
    }

    /// When the worker wants to be ticked.
    pub(crate) fn deadline(&self, number: usize) -> Option<Time> {
        self.members[number].core.as_ref()?.deadline()
    }
}
