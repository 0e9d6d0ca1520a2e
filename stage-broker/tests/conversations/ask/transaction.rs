//! Producer ids and transactions.

use super::group::Member;
use super::topic::Place;
use crate::batch::{Batch, Producer};
use crate::line::Line;
use crate::said::{NO_PRODUCER, Said, group_id, said, text, topic_name, transactional_id};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{
    ConcurrentTransactions, CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator,
};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest,
    InitProducerIdRequest, TxnOffsetCommitRequest,
};

/// The highest versions below the second transaction protocol.
pub(crate) const PRODUCE: i16 = 11;
pub(crate) const ADD: i16 = 3;
pub(crate) const END: i16 = 4;

/// A transactional id and who holds it.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) producer: Producer,
}

impl Transaction {
    pub(crate) fn with_epoch(&self, epoch: i16) -> Transaction {
        Transaction { id: self.id.clone(), producer: self.producer.with_epoch(epoch) }
    }

    pub(crate) fn adding(&self, place: impl Into<Place>) -> AddPartitionsToTxnRequest {
        let place = place.into();
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name(&place.topic.name))
            .with_partitions(vec![place.partition]);
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(&self.id))
            .with_v3_and_below_producer_id(self.producer.id.into())
            .with_v3_and_below_producer_epoch(self.producer.epoch)
            .with_v3_and_below_topics(vec![topic])
    }
}

/// A first InitProducerId.
pub(crate) fn init(id: Option<&str>, timeout: i32) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(id.map(transactional_id))
        .with_transaction_timeout_ms(timeout)
        .with_producer_id(NO_PRODUCER)
        .with_producer_epoch(-1)
}

/// Whether the coordinator wants to be asked again.
fn busy(said: &Said) -> bool {
    use self::ConcurrentTransactions as Concurrent;
    let again = [Concurrent, CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator];
    said.is_err_and(|why| again.contains(&why))
}

impl Talk {
    /// A producer without transactions.
    pub(crate) fn producer(&mut self) -> Producer {
        self.init(1, &init(None, 0)).expect("a producer id")
    }

    /// A new transactional id, held.
    pub(crate) fn transaction(&mut self) -> Transaction {
        self.transaction_of(60_000)
    }

    pub(crate) fn transaction_of(&mut self, timeout: i32) -> Transaction {
        let id = self.name("transaction");
        until("a coordinator", || said(self.coordinator(&id, 1).error_code).ok());
        let producer = self.init(4, &init(Some(&id), timeout)).expect("a producer id");
        Transaction { id, producer }
    }

    /// A transaction with one batch of values in it, written at this offset.
    pub(crate) fn open(&mut self, place: impl Into<Place>, values: &[&str]) -> (Transaction, i64) {
        let (place, transaction) = (place.into(), self.transaction());
        let offset = self.write(&transaction, place, 0, values);
        (transaction, offset)
    }
}

impl Line {
    /// Asks again while the coordinator has yet to finish something.
    pub(crate) fn init(&mut self, version: i16, request: &InitProducerIdRequest) -> Said<Producer> {
        until("a producer id", || {
            let answer = self.ask(version, request);
            let said = said(answer.error_code);
            let (id, epoch) = (answer.producer_id.0, answer.producer_epoch);
            (!busy(&said)).then(|| said.map(|()| Producer { id, epoch }))
        })
    }

    /// Takes the transactional id over.
    pub(crate) fn takeover(&mut self, transaction: &Transaction) -> Transaction {
        let producer = self.init(4, &init(Some(&transaction.id), 60_000)).expect("a takeover");
        Transaction { id: transaction.id.clone(), producer }
    }

    pub(crate) fn add(
        &mut self,
        version: i16,
        transaction: &Transaction,
        place: impl Into<Place>,
    ) -> Said {
        let request = transaction.adding(place);
        until("a partition added", || {
            let answer = self.ask(version, &request);
            let answer = &answer.results_by_topic_v3_and_below[0].results_by_partition[0];
            let said = said(answer.partition_error_code);
            (!busy(&said)).then_some(said)
        })
    }

    /// Adds the partition and produces to it.
    pub(crate) fn write(
        &mut self,
        transaction: &Transaction,
        place: impl Into<Place>,
        sequence: i32,
        values: &[&str],
    ) -> i64 {
        let place = place.into();
        assert_eq!(self.add(ADD, transaction, place.clone()), Ok(()));
        let batch = Batch::of(values).within(transaction.producer, sequence);
        self.produce_in(PRODUCE, &transaction.id, place, batch).expect("an offset")
    }

    pub(crate) fn end(&mut self, version: i16, transaction: &Transaction, commit: bool) -> Said {
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional_id(&transaction.id))
            .with_producer_id(transaction.producer.id.into())
            .with_producer_epoch(transaction.producer.epoch)
            .with_committed(commit);
        until("an end", || {
            let said = said(self.ask(version, &request).error_code);
            (!busy(&said)).then_some(said)
        })
    }

    /// Ends it and waits until its markers are written.
    pub(crate) fn finish(&mut self, transaction: &Transaction, commit: bool) {
        assert_eq!(self.end(END, transaction, commit), Ok(()));
        let done = if commit { "CompleteCommit" } else { "CompleteAbort" };
        self.until_state(&transaction.id, done);
    }

    pub(crate) fn until_state(&mut self, transaction: &str, state: &str) {
        until(state, || (&*self.transaction_state(transaction) == state).then_some(()));
    }

    pub(crate) fn describe_transaction(&mut self, id: &str) -> TransactionState {
        let ids = vec![transactional_id(id)];
        let request = DescribeTransactionsRequest::default().with_transactional_ids(ids);
        self.ask(0, &request).transaction_states.remove(0)
    }

    pub(crate) fn transaction_state(&mut self, id: &str) -> String {
        self.describe_transaction(id).transaction_state.to_string()
    }

    pub(crate) fn add_offsets(
        &mut self,
        version: i16,
        transaction: &Transaction,
        group: &str,
    ) -> Said {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(transactional_id(&transaction.id))
            .with_producer_id(transaction.producer.id.into())
            .with_producer_epoch(transaction.producer.epoch)
            .with_group_id(group_id(group));
        until("offsets added", || {
            let said = said(self.ask(version, &request).error_code);
            (!busy(&said)).then_some(said)
        })
    }

    /// As this member of a group; in versions before 3 the member is not told.
    pub(crate) fn commit_in(
        &mut self,
        version: i16,
        transaction: &Transaction,
        member: &Member,
        place: impl Into<Place>,
        offset: i64,
    ) -> Said {
        let request = commit_in(transaction, member, place, offset);
        said(self.ask(version, &request).topics[0].partitions[0].error_code)
    }
}

pub(crate) fn commit_in(
    transaction: &Transaction,
    member: &Member,
    place: impl Into<Place>,
    offset: i64,
) -> TxnOffsetCommitRequest {
    let place = place.into();
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(place.partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional_id(&transaction.id))
        .with_group_id(group_id(&member.group))
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch)
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.as_deref().map(text))
        .with_topics(vec![topic])
}
