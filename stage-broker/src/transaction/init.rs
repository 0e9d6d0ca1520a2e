//! InitProducerId: a producer begins, or begins anew; the one before it is fenced.

use super::state::{State, is_exhausted};
use super::{Producer, Step, Time, Transaction, Transactions};
use kafka_protocol::error::ResponseError;

/// An InitProducerId request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init<'a> {
    /// None: a producer that is only idempotent.
    pub(crate) transactional_id: Option<&'a str>,
    /// How long its transactions may take.
    pub(crate) timeout: Time,
    /// Who it was so far (version 3 on), or [`Producer::NONE`].
    pub(crate) producer: Producer,
}

impl Transactions {
    /// Answers InitProducerId. What a producer before it left open is aborted first; meanwhile it is
    /// told CONCURRENT_TRANSACTIONS, and asks again.
    pub(crate) fn init(
        &mut self,
        now: Time,
        init: &Init<'_>,
    ) -> Step<Result<Producer, ResponseError>> {
        let mut step = Step::default();
        let answer = self.begin(now, init, &mut step);
        step.with(answer)
    }

    fn begin(
        &mut self,
        now: Time,
        init: &Init<'_>,
        step: &mut Step,
    ) -> Result<Producer, ResponseError> {
        let claimed = init.producer;
        if (claimed.id == -1) != (claimed.epoch == -1) {
            return Err(ResponseError::InvalidRequest);
        }
        let Some(id) = init.transactional_id else {
            return Ok(Producer { id: self.new_producer_id(step), epoch: 0 });
        };
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if init.timeout <= 0 || init.timeout > self.settings.max_timeout {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let claimed = (claimed != Producer::NONE).then_some(claimed);
        let known = self.all.get(id).cloned();
        let mut next = match known {
            Some(known) => known,
            None => Transaction::new(self.new_producer_id(step)),
        };
        if claimed.is_some_and(|claimed| !next.may_be(claimed)) {
            return Err(ResponseError::ProducerFenced);
        }
        match next.state {
            State::PrepareCommit | State::PrepareAbort => {
                return Err(ResponseError::ConcurrentTransactions);
            }
            State::Ongoing => {
                next.fence(now);
                self.put(now, id, Some(next), step);
                return Err(ResponseError::ConcurrentTransactions);
            }
            State::Empty | State::CompleteCommit | State::CompleteAbort => {}
        }
        let epoch = next.producer.epoch;
        let id_before = next.producer.id;
        let goes_on = |claimed: Producer| {
            claimed.epoch == epoch || (epoch == i16::MAX && claimed.epoch == next.last_epoch)
        };
        (next.producer, next.last_epoch) = if is_exhausted(epoch) && claimed.is_none_or(goes_on) {
            let first = Producer { id: self.new_producer_id(step), epoch: 0 };
            (first, claimed.map_or(-1, |claimed| claimed.epoch))
        } else {
            next.next_epoch(claimed)?
        };
        if next.producer.id != id_before {
            next.previous_id = id_before;
        }
        next.timeout = init.timeout;
        next.state = State::Empty;
        next.started = -1;
        next.changed = now;
        let producer = next.producer;
        self.put(now, id, Some(next), step);
        Ok(producer)
    }
}

impl Transaction {
    /// Whether the claimed producer can be this one: it is, or nobody was yet, or it used up its
    /// epochs and did not hear of its new id.
    fn may_be(&self, claimed: Producer) -> bool {
        self.producer.epoch == -1
            || claimed.id == self.producer.id
            || (claimed.id == self.previous_id && is_exhausted(claimed.epoch))
    }

    /// The producer that goes on, and the epoch that it may still name when it asks again.
    fn next_epoch(&self, claimed: Option<Producer>) -> Result<(Producer, i16), ResponseError> {
        let Producer { id, epoch } = self.producer;
        let last_epoch = match claimed {
            None => -1,
            Some(claimed) if epoch == -1 || claimed.epoch == epoch => epoch,
            // It did not hear the last answer. Nobody else came meanwhile: that resets last_epoch.
            Some(claimed) if claimed.epoch == self.last_epoch => {
                return Ok((self.producer, self.last_epoch));
            }
            Some(_) => return Err(ResponseError::ProducerFenced),
        };
        Ok((Producer { id, epoch: epoch.saturating_add(1) }, last_epoch))
    }
}
