//! EndTxn: the producer decides.

use super::{Ended, Producer, State, Step, Time, Token, Transactions};
use kafka_protocol::error::ResponseError;

impl Transactions {
    /// Answers EndTxn under the token: at once if there is nothing to do, otherwise when
    /// [`Transactions::markers_written`] says so.
    pub(crate) fn end(
        &mut self,
        now: Time,
        token: Token,
        transactional_id: &str,
        producer: Producer,
        commit: bool,
    ) -> Step {
        let mut step = Step::default();
        if let Some(ended) = self.decide(now, transactional_id, producer, commit, &mut step) {
            step.answers.push((token, ended));
        } else {
            self.waiting.insert(transactional_id.to_owned(), token);
        }
        step
    }

    /// None: it is decided now.
    fn decide(
        &mut self,
        now: Time,
        id: &str,
        producer: Producer,
        commit: bool,
        step: &mut Step,
    ) -> Option<Ended> {
        let transaction = match self.of(id, producer) {
            Ok(transaction) => transaction,
            Err(error) => return Some(Err(error)),
        };
        match (transaction.state, commit) {
            (State::Ongoing, _) => {
                let mut next = transaction.clone();
                next.state = if commit { State::PrepareCommit } else { State::PrepareAbort };
                next.changed = now;
                self.put(now, id, Some(next), step);
                None
            }
            // Asked again: it is as asked for, or will be.
            (State::CompleteCommit, true) | (State::CompleteAbort, false) => Some(Ok(producer)),
            (State::PrepareCommit, true) | (State::PrepareAbort, false) => {
                Some(Err(ResponseError::ConcurrentTransactions))
            }
            _ => Some(Err(ResponseError::InvalidTxnState)),
        }
    }
}
