//! InitProducerId: a producer begins, or begins anew, and fences who was there before.

use super::{Claim, State, Transaction};
use kafka_protocol::error::ResponseError;

/// What a producer that begins is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Init {
    /// It is this producer now.
    Is(Claim),
    /// A transaction is open: abort it, then ask again.
    AbortFirst,
    /// Its epochs are used up: it needs this new producer id.
    NeedsId,
}

impl Transaction {
    /// A producer begins; `claim` is who it was, if it was somebody. `new_id` is a producer id to
    /// go on with, if one was asked for.
    pub(crate) fn init(
        &mut self,
        claim: Option<Claim>,
        timeout_ms: i64,
        new_id: Option<i64>,
        now: i64,
    ) -> Result<Init, ResponseError> {
        if let Some(claim) = claim {
            let repeated = self.last == Some((claim.producer, claim.epoch));
            if repeated && self.state != State::Ongoing {
                // The answer to the first time was lost.
                return Ok(Init::Is(Claim { producer: self.producer, epoch: self.epoch }));
            }
            if claim.producer != self.producer || claim.epoch != self.epoch {
                return Err(ResponseError::ProducerFenced);
            }
        }
        match self.state {
            State::PrepareCommit | State::PrepareAbort => {
                return Err(ResponseError::ConcurrentTransactions);
            }
            State::Ongoing => return Ok(Init::AbortFirst),
            State::Empty | State::CompleteCommit | State::CompleteAbort => {}
        }
        if self.epoch >= i16::MAX - 1 {
            let Some(id) = new_id else { return Ok(Init::NeedsId) };
            self.last = Some((self.producer, self.epoch));
            (self.producer, self.epoch) = (id, 0);
        } else {
            self.last = claim.map(|claim| (claim.producer, claim.epoch));
            self.epoch += 1;
        }
        self.timeout_ms = timeout_ms;
        self.state = State::Empty;
        self.partitions.clear();
        self.groups.clear();
        self.started = -1;
        self.changed = now;
        Ok(Init::Is(Claim { producer: self.producer, epoch: self.epoch }))
    }
}
