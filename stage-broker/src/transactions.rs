//! The transactions at work: their steps written down, their markers written, then answered to
//! whoever waits.

#[cfg(test)]
mod tests;

use crate::log::batch::Header;
use crate::log::marker;
use crate::node::Node;
use crate::records;
use crate::transaction::{Ended, Settings, Step, Time, Transactions, WriteMarkers};
use crate::waiting::Waiting;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

/// Of the one coordinator there has been.
const COORDINATOR_EPOCH: i32 = 0;

/// All transactions, and who waits for their end.
pub(crate) struct Desk {
    transactions: RefCell<Transactions>,
    pub(crate) waiting: Waiting<Ended>,
    /// Those whose markers are being written.
    completing: RefCell<BTreeSet<String>>,
}

impl Desk {
    /// Of no transactions yet.
    pub(crate) fn new() -> Desk {
        let transactions = RefCell::new(Transactions::new(Settings::default(), 0));
        Desk { transactions, waiting: Waiting::default(), completing: RefCell::default() }
    }

    /// To look at.
    pub(crate) fn transactions(&self) -> Ref<'_, Transactions> {
        self.transactions.borrow()
    }
}

/// What transactions may do, by the broker's settings.
fn settings(node: &Node) -> Settings {
    Settings {
        max_timeout: node.number("transaction.max.timeout.ms"),
        id_expiration: node.number("transactional.id.expiration.ms"),
        id_expiration_check: node
            .number("transaction.remove.expired.transaction.cleanup.interval.ms"),
        retry_abort: node.number("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
    }
}

impl Node {
    /// Reads the transactions that are remembered, and does what they had decided.
    pub(crate) async fn open_transactions(self: &Rc<Node>) {
        let records = records::transactions(&self.store.borrow());
        let (transactions, step) =
            Transactions::restore(settings(self), records, self.steady_now());
        *self.transactions.transactions.borrow_mut() = transactions;
        for markers in step.markers {
            self.complete(&markers.transactional_id, true).await;
        }
    }

    /// Has the transactions take a step. It is written down before anybody is told; if that fails,
    /// it did not happen. What it decided is then done.
    pub(crate) fn step_transactions<T>(
        self: &Rc<Node>,
        act: impl FnOnce(&mut Transactions, Time) -> Step<T>,
    ) -> Result<T, ResponseError> {
        let step = act(&mut self.transactions.transactions.borrow_mut(), self.steady_now());
        let written =
            records::of_transactions(&step.records).and_then(|changes| self.remember(changes));
        let done = match written {
            Ok(()) => {
                for markers in step.markers {
                    let node = Rc::clone(self);
                    let complete =
                        async move { node.complete(&markers.transactional_id, false).await };
                    tokio::task::spawn_local(complete);
                }
                self.transactions.waiting.answer(step.answers);
                Ok(step.answer)
            }
            Err(_) => {
                let error = ResponseError::CoordinatorNotAvailable;
                let mut transactions = self.transactions.transactions.borrow_mut();
                let refused = transactions.not_written(self.steady_now(), step, error);
                drop(transactions);
                self.transactions.waiting.answer(refused);
                Err(error)
            }
        };
        self.alarm.bring_forward(self.transactions.transactions().next_tick());
        done
    }

    /// Does what a transaction decided: its markers, its offsets, its end. `again`: it may be that
    /// some of it was done before.
    async fn complete(self: &Rc<Node>, id: &str, again: bool) {
        if !self.transactions.completing.borrow_mut().insert(id.to_owned()) {
            return;
        }
        let markers = self.transactions.transactions().markers(id);
        if let Some(markers) = markers
            && let Err(error) = self.mark(&markers, again).await
        {
            tracing::error!(%error, id, "a transaction could not be completed; it will be tried again");
            let error = ResponseError::CoordinatorNotAvailable;
            let refused = self.transactions.transactions.borrow_mut().not_marked(id, error);
            self.transactions.waiting.answer(refused);
        }
        self.transactions.completing.borrow_mut().remove(id);
    }

    async fn mark(self: &Rc<Node>, markers: &WriteMarkers, again: bool) -> io::Result<()> {
        // No marker before it is certain how it ends.
        self.flush.settled().await?;
        let (producer, commit) = (markers.producer, markers.commit);
        for (topic, index) in &markers.partitions {
            let name = TopicName(StrBytes::from_string(topic.clone()));
            // A topic that was deleted meanwhile needs no marker.
            let Some(partition) = self.topics.borrow().partition(&name, *index) else { continue };
            if again && !partition.log.borrow().producers.is_open(producer.id) {
                continue;
            }
            let batch =
                marker::write(producer.id, producer.epoch, commit, COORDINATOR_EPOCH, self.now());
            let header = Header::read(&batch).map_err(|_| io::ErrorKind::InvalidData)?;
            partition.append(self, header, &batch)?;
        }
        let unwritten = |error: ResponseError| io::Error::other(error.to_string());
        self.step_groups(|groups, now| groups.end_transaction(now, producer.id, commit))
            .map_err(unwritten)?;
        // Complete means that all of it is there.
        self.flush.settled().await?;
        self.step_transactions(|transactions, now| transactions.markers_written(now, markers))
            .map_err(unwritten)
    }

    /// Aborts what took too long, forgets what nobody used for long.
    pub(crate) fn tick_transactions(self: &Rc<Node>) {
        // What is not written down is taken back, and due again a little later.
        let _ = self.step_transactions(|transactions, now| {
            let step = transactions.tick(now);
            for late in &step.markers {
                let id = &late.transactional_id;
                tracing::info!(id, "a transaction timed out and is aborted");
            }
            step
        });
    }

    /// Tries again to complete what was decided and could not be completed.
    pub(crate) async fn complete_left(self: &Rc<Node>) {
        let left: Vec<_> = self.transactions.transactions().unfinished().collect();
        for markers in left {
            self.complete(&markers.transactional_id, true).await;
        }
    }
}
