//! The markers of a prepared transaction are written: it is complete.

use super::{Ended, State, Step, Time, Token, Transactions, WriteMarkers};
use kafka_protocol::error::ResponseError;

impl Transactions {
    /// All markers of the transaction are written, its groups' offsets too, and durable. Said twice,
    /// or too late, it does no harm.
    pub(crate) fn markers_written(&mut self, now: Time, written: &WriteMarkers) -> Step {
        let mut step = Step::default();
        let id = &written.transactional_id;
        let Some(transaction) = self.all.get(id) else { return step };
        if (transaction.producer, transaction.number) != (written.producer, written.number) {
            return step;
        }
        let Some(commit) = transaction.state.prepared() else { return step };
        let mut next = transaction.clone();
        next.state = if commit { State::CompleteCommit } else { State::CompleteAbort };
        next.partitions.clear();
        next.groups.clear();
        next.changed = now;
        self.put(now, id, Some(next), &mut step);
        if let Some(token) = self.waiting.remove(id) {
            step.answers.push((token, Ok(written.producer)));
        }
        step
    }

    /// What is still to be written of a transaction that was decided.
    pub(crate) fn markers(&self, transactional_id: &str) -> Option<WriteMarkers> {
        self.all.get(transactional_id)?.markers(transactional_id)
    }

    /// Its markers, or its groups' offsets, could not be written for now: who waits for its end is
    /// told `error`. It stays decided.
    pub(crate) fn not_marked(
        &mut self,
        transactional_id: &str,
        error: ResponseError,
    ) -> Vec<(Token, Ended)> {
        let token = self.waiting.remove(transactional_id);
        token.map(|token| (token, Err(error))).into_iter().collect()
    }

    /// Transactions that wait for [`Transactions::markers_written`].
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = WriteMarkers> {
        self.all.iter().filter_map(|(id, transaction)| transaction.markers(id))
    }
}
