//! The transaction of one transactional id.

use super::{Producer, Time, WriteMarkers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a transaction stands. (An expiring one, Kafka's Dead, does not exist here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum State {
    /// None has begun since the producer did.
    Empty,
    /// Something is in it.
    Ongoing,
    /// It will be committed, whatever happens.
    PrepareCommit,
    /// It will be aborted, whatever happens.
    PrepareAbort,
    /// It is committed.
    CompleteCommit,
    /// It is aborted.
    CompleteAbort,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [State; 6] = [
        State::Empty,
        State::Ongoing,
        State::PrepareCommit,
        State::PrepareAbort,
        State::CompleteCommit,
        State::CompleteAbort,
    ];

    /// Kafka's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Ongoing => "Ongoing",
            State::PrepareCommit => "PrepareCommit",
            State::PrepareAbort => "PrepareAbort",
            State::CompleteCommit => "CompleteCommit",
            State::CompleteAbort => "CompleteAbort",
        }
    }

    /// The decision, while it is being carried out: to commit, or not.
    pub(crate) fn prepared(self) -> Option<bool> {
        match self {
            State::PrepareCommit => Some(true),
            State::PrepareAbort => Some(false),
            _ => None,
        }
    }
}

/// A transactional id's producer and its latest transaction; as it is, and as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// Who may go on. Epoch -1: nobody was given it yet.
    pub(crate) producer: Producer,
    /// The epoch before, if its owner may ask again; -1: none.
    pub(crate) last_epoch: i16,
    /// The producer id before the present one; -1: none.
    pub(crate) previous_id: i64,
    /// How long a transaction may take.
    pub(crate) timeout: Time,
    /// Where it stands.
    pub(crate) state: State,
    /// How many began so far, with the present one: tells it from others of the same producer.
    pub(crate) number: u64,
    /// What it wrote to.
    pub(crate) partitions: BTreeSet<(String, i32)>,
    /// Whose offsets it commits.
    pub(crate) groups: BTreeSet<String>,
    /// When it began; -1: none has.
    pub(crate) started: Time,
    /// When this last changed.
    pub(crate) changed: Time,
}

/// Given out is at most one less, so that we ourselves can still fence its owner.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// Whether no producer can get a higher epoch.
pub(super) fn is_exhausted(epoch: i16) -> bool {
    epoch >= LAST_EPOCH
}

impl Transaction {
    /// Of a transactional id that nobody used before.
    pub(super) fn new(producer_id: i64) -> Transaction {
        Transaction {
            producer: Producer { id: producer_id, epoch: -1 },
            last_epoch: -1,
            previous_id: -1,
            timeout: 0,
            state: State::Empty,
            number: 0,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: -1,
            changed: -1,
        }
    }

    /// When it is aborted if its producer does not end it.
    pub(super) fn deadline(&self) -> Option<Time> {
        (self.state == State::Ongoing).then(|| self.started + self.timeout + 1)
    }

    /// Takes the transaction out of its producer's hands: it is aborted, and the producer fenced. As
    /// long as nobody else began it may ask for the epoch that fenced it, and go on with that.
    pub(super) fn fence(&mut self, now: Time) {
        self.last_epoch = self.producer.epoch;
        self.producer.epoch = self.producer.epoch.saturating_add(1);
        self.state = State::PrepareAbort;
        self.changed = now;
    }

    /// What is to be written while it is prepared.
    pub(super) fn markers(&self, transactional_id: &str) -> Option<WriteMarkers> {
        self.state.prepared().map(|commit| WriteMarkers {
            transactional_id: transactional_id.to_owned(),
            producer: self.producer,
            number: self.number,
            commit,
            partitions: self.partitions.iter().cloned().collect(),
            groups: self.groups.iter().cloned().collect(),
        })
    }
}
