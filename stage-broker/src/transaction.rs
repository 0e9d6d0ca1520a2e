//! A transaction, from its producer's first word to the last marker: who may go on, what is in it,
//! how it ends.
//!
//! It decides and does nothing else: no I/O, and the time is an argument.

mod end;
mod init;

#[cfg(test)]
mod tests;

pub(crate) use init::Init;

use kafka_protocol::error::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// Nothing is in it.
    Empty,
    /// Something is.
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
}

/// Which producer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
}

/// The transactions of one transactional id; one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    pub(crate) producer: i64,
    /// -1: the id was never given to anybody.
    pub(crate) epoch: i16,
    /// The producer before this epoch, if a repeated request may still name it.
    last: Option<(i64, i16)>,
    pub(crate) timeout_ms: i64,
    pub(crate) state: State,
    /// Topic partitions that records went to.
    pub(crate) partitions: BTreeSet<(String, i32)>,
    /// Groups that offsets went to.
    pub(crate) groups: BTreeSet<String>,
    /// When the first of it was added.
    pub(crate) started: i64,
    /// When it last changed.
    pub(crate) changed: i64,
}

impl Transaction {
    /// Of an id that nobody has had.
    pub(crate) fn new(producer: i64, timeout_ms: i64, now: i64) -> Transaction {
        Transaction {
            producer,
            epoch: -1,
            last: None,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: -1,
            changed: now,
        }
    }

    /// Whether this is the producer that may go on.
    pub(crate) fn check(&self, claim: Claim) -> Result<(), ResponseError> {
        if claim.producer != self.producer {
            Err(ResponseError::InvalidProducerIdMapping)
        } else if claim.epoch != self.epoch {
            Err(ResponseError::ProducerFenced)
        } else {
            Ok(())
        }
    }

    /// Adds partitions; whether it changed.
    pub(crate) fn add_partitions(
        &mut self,
        claim: Claim,
        partitions: impl IntoIterator<Item = (String, i32)>,
        now: i64,
    ) -> Result<bool, ResponseError> {
        self.open(claim)?;
        let before = self.partitions.len();
        self.partitions.extend(partitions);
        Ok(self.begun(before < self.partitions.len(), now))
    }

    /// Adds a group whose offsets will be in it; whether it changed.
    pub(crate) fn add_group(
        &mut self,
        claim: Claim,
        group: &str,
        now: i64,
    ) -> Result<bool, ResponseError> {
        self.open(claim)?;
        let new = self.groups.insert(group.to_owned());
        Ok(self.begun(new, now))
    }

    /// Whether something can be added.
    fn open(&self, claim: Claim) -> Result<(), ResponseError> {
        self.check(claim)?;
        match self.state {
            State::PrepareCommit | State::PrepareAbort => {
                Err(ResponseError::ConcurrentTransactions)
            }
            _ => Ok(()),
        }
    }

    fn begun(&mut self, new: bool, now: i64) -> bool {
        let begins = self.state != State::Ongoing;
        if begins {
            self.state = State::Ongoing;
            self.started = now;
        }
        if begins || new {
            self.changed = now;
        }
        begins || new
    }

    /// Whether a producer's records may go to a partition, or its offsets to a group.
    pub(crate) fn holds(&self, claim: Claim, what: Holds<'_>) -> Result<(), ResponseError> {
        if claim.producer != self.producer {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if claim.epoch != self.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let added = match what {
            Holds::Partition(topic, index) => self.partitions.contains(&(topic.to_owned(), index)),
            Holds::Group(group) => self.groups.contains(group),
        };
        match self.state {
            State::PrepareCommit | State::PrepareAbort => {
                Err(ResponseError::ConcurrentTransactions)
            }
            State::Ongoing if added => Ok(()),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// When it is aborted by itself.
    pub(crate) fn times_out(&self) -> Option<i64> {
        (self.state == State::Ongoing).then_some(self.started + self.timeout_ms)
    }
}

/// What a transaction may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds<'a> {
    /// A topic's partition.
    Partition(&'a str, i32),
    /// A group's offsets.
    Group(&'a str),
}
