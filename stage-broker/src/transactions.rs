//! All transactions: their steps written down, their markers written, their offsets let go.

use crate::log::batch::Header;
use crate::log::marker;
use crate::node::Node;
use crate::store::{self, Changes, Key};
use crate::transaction::{Claim, Holds, Init, Transaction};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

/// Of the one coordinator there has been.
const COORDINATOR_EPOCH: i32 = 0;

/// All transactions, by their transactional ids.
#[derive(Default)]
pub(crate) struct Transactions {
    pub(crate) all: RefCell<BTreeMap<String, Transaction>>,
    /// Those whose markers are being written.
    completing: RefCell<BTreeSet<String>>,
}

impl Transactions {
    /// Reads the transactions that are remembered.
    pub(crate) fn open(&self, store: &store::Store) {
        for (key, json) in store.iter() {
            if let Key::Transaction(id) = key
                && let Some(transaction) = store::read(key, json)
            {
                self.all.borrow_mut().insert(id.clone(), transaction);
            }
        }
    }

    /// When one times out next.
    pub(crate) fn next_tick(&self) -> Option<i64> {
        self.all.borrow().values().filter_map(Transaction::times_out).min()
    }

    /// The ids of those that are so.
    fn which(&self, wanted: impl Fn(&Transaction) -> bool) -> Vec<String> {
        let all = self.all.borrow();
        all.iter().filter(|(_, t)| wanted(t)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a producer may write to this in its transaction.
    pub(crate) fn holds(
        &self,
        id: &str,
        claim: Claim,
        what: Holds<'_>,
    ) -> Result<(), ResponseError> {
        let all = self.all.borrow();
        let transaction = all.get(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        transaction.holds(claim, what)
    }
}

impl Node {
    /// Has a transaction take a step; written down if it changed, undone if that fails.
    pub(crate) fn step_transaction<T>(
        &self,
        id: &str,
        step: impl FnOnce(&mut Transaction) -> Result<(T, bool), ResponseError>,
    ) -> Result<T, ResponseError> {
        let mut all = self.transactions.all.borrow_mut();
        let known = all.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        let mut next = known.clone();
        let (result, changed) = step(&mut next)?;
        if changed {
            let mut changes = Changes::default();
            changes
                .put(Key::Transaction(id.to_owned()), &next)
                .and_then(|()| self.remember(changes))
                .map_err(|_| ResponseError::CoordinatorNotAvailable)?;
            *known = next;
            self.groups.changed.notify_one();
        }
        Ok(result)
    }

    /// A producer begins under a transactional id; what it left open is aborted first.
    pub(crate) async fn init_transaction(
        self: &Rc<Node>,
        id: &str,
        claim: Option<Claim>,
        timeout_ms: i64,
    ) -> Result<Claim, ResponseError> {
        let storage = |_| ResponseError::CoordinatorNotAvailable;
        if !self.transactions.all.borrow().contains_key(id) {
            let producer = self.new_producer_id().map_err(storage)?;
            let new = Transaction::new(producer, timeout_ms, self.now());
            self.transactions.all.borrow_mut().insert(id.to_owned(), new);
        }
        let (mut claim, mut new_id) = (claim, None);
        loop {
            let now = self.now();
            let init = self.step_transaction(id, |transaction| {
                let init = transaction.init(claim, timeout_ms, new_id, now)?;
                Ok((init, matches!(init, Init::Is(_))))
            })?;
            match init {
                Init::Is(claim) => {
                    self.flush.settled().await.map_err(storage)?;
                    return Ok(claim);
                }
                Init::NeedsId => new_id = Some(self.new_producer_id().map_err(storage)?),
                Init::AbortFirst => {
                    self.fence(id).await?;
                    // It was checked, and is fenced itself by now.
                    claim = None;
                }
            }
        }
    }

    /// Aborts a transaction in its producer's stead.
    async fn fence(self: &Rc<Node>, id: &str) -> Result<(), ResponseError> {
        let now = self.now();
        self.step_transaction(id, |transaction| {
            transaction.fence(now);
            Ok(((), true))
        })?;
        self.complete(id, false).await
    }

    /// Writes the markers of a prepared transaction and lets its offsets take effect. `again`: it
    /// may be that some of it was done before.
    pub(crate) async fn complete(
        self: &Rc<Node>,
        id: &str,
        again: bool,
    ) -> Result<(), ResponseError> {
        if !self.transactions.completing.borrow_mut().insert(id.to_owned()) {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let done = self.complete_alone(id, again).await;
        self.transactions.completing.borrow_mut().remove(id);
        done.map_err(|error| {
            tracing::error!(%error, id, "a transaction could not be completed; it will be tried again");
            ResponseError::CoordinatorNotAvailable
        })
    }

    async fn complete_alone(&self, id: &str, again: bool) -> io::Result<()> {
        // No marker before it is certain how it ends.
        self.flush.settled().await?;
        let found = self.transactions.all.borrow().get(id).cloned();
        let Some(mut transaction) = found else { return Ok(()) };
        let Some(commit) = transaction.is_prepared() else { return Ok(()) };
        let (producer, epoch) = (transaction.producer, transaction.epoch);
        for (topic, index) in &transaction.partitions {
            let name = TopicName(StrBytes::from_string(topic.clone()));
            // A topic that was deleted meanwhile needs no marker.
            let Some(partition) = self.topics.borrow().partition(&name, *index) else { continue };
            if again && !partition.log.borrow().producers.is_open(producer) {
                continue;
            }
            let batch = marker::write(producer, epoch, commit, COORDINATOR_EPOCH, self.now());
            let header = Header::read(&batch).map_err(|_| io::ErrorKind::InvalidData)?;
            partition.append(self, header, &batch)?;
        }
        transaction.complete(self.now());
        let mut changes = Changes::default();
        changes.put(Key::Transaction(id.to_owned()), &transaction)?;
        self.release_offsets(producer, commit, changes)?;
        self.transactions.all.borrow_mut().insert(id.to_owned(), transaction);
        self.flush.settled().await
    }

    /// Forgets transactional ids that were not used since `before`.
    pub(crate) fn forget_transactions(&self, before: i64) -> io::Result<()> {
        use crate::transaction::State;
        let mut all = self.transactions.all.borrow_mut();
        let open = [State::Ongoing, State::PrepareCommit, State::PrepareAbort];
        let old = all.iter().filter(|(_, t)| t.changed < before && !open.contains(&t.state));
        let old: Vec<_> = old.map(|(id, _)| id.clone()).collect();
        let mut changes = Changes::default();
        old.iter().for_each(|id| changes.forget(Key::Transaction(id.clone())));
        self.remember(changes)?;
        old.iter().for_each(|id| drop(all.remove(id)));
        Ok(())
    }

    /// Aborts what timed out, and completes what is prepared and was left.
    pub(crate) async fn tick_transactions(self: &Rc<Node>, again: bool) {
        let now = self.now();
        let late = self.transactions.which(|t| t.times_out().is_some_and(|at| at <= now));
        let left =
            if again { self.transactions.which(|t| t.is_prepared().is_some()) } else { Vec::new() };
        for id in late {
            tracing::info!(id, "a transaction timed out and is aborted");
            if let Err(error) = self.fence(&id).await {
                tracing::warn!(%error, id, "a transaction that timed out is still open");
            }
        }
        for id in left {
            let _ = self.complete(&id, true).await;
        }
    }
}
