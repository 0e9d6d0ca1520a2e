//! How a transaction ends: prepared, so that it cannot end otherwise; then complete.

use super::{Claim, State, Transaction};
use kafka_protocol::error::ResponseError;

impl Transaction {
    /// Its producer wants it to end. `true`: it is prepared now, and must be completed; `false`: it
    /// ended like this before.
    pub(crate) fn prepare(
        &mut self,
        claim: Claim,
        commit: bool,
        now: i64,
    ) -> Result<bool, ResponseError> {
        self.check(claim)?;
        match (self.state, commit) {
            (State::Ongoing, _) => {
                self.prepared(commit, now);
                Ok(true)
            }
            (State::CompleteCommit, true) | (State::CompleteAbort, false) => Ok(false),
            (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
                Err(ResponseError::ConcurrentTransactions)
            }
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// It is aborted in its producer's stead, who is fenced by that.
    pub(crate) fn fence(&mut self, now: i64) {
        self.last = None;
        self.epoch = self.epoch.saturating_add(1);
        self.prepared(false, now);
    }

    fn prepared(&mut self, commit: bool, now: i64) {
        self.state = if commit { State::PrepareCommit } else { State::PrepareAbort };
        self.changed = now;
    }

    /// How it was prepared to end, if it was.
    pub(crate) fn is_prepared(&self) -> Option<bool> {
        match self.state {
            State::PrepareCommit => Some(true),
            State::PrepareAbort => Some(false),
            _ => None,
        }
    }

    /// All markers are written.
    pub(crate) fn complete(&mut self, now: i64) {
        let committed = self.state == State::PrepareCommit;
        self.state = if committed { State::CompleteCommit } else { State::CompleteAbort };
        self.partitions.clear();
        self.groups.clear();
        self.started = -1;
        self.changed = now;
    }
}
