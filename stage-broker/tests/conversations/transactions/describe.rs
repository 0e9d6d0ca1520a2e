//! DescribeTransactions, ListTransactions, DescribeProducers.

use crate::ask::topic::{Place, Topic};
use crate::batch::Batch;
use crate::said::{Said, said, text, topic_name};
use crate::talk::{Talk, now, until};
use kafka_protocol::ResponseError::{
    InvalidRequest, TransactionalIdNotFound, UnknownTopicOrPartition,
};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::ProducerState;
use kafka_protocol::messages::list_transactions_response::TransactionState;
use kafka_protocol::messages::{DescribeProducersRequest, ListTransactionsRequest};

conversation!(a_transactional_id_is_described, |k| {
    let transaction = k.transaction();
    let found = k.describe_transaction(&transaction.id);
    assert_eq!((said(found.error_code), &*found.transaction_state), (Ok(()), "Empty"));
    assert_eq!((found.transaction_timeout_ms, found.transaction_start_time_ms), (60_000, -1));
    assert_eq!(found.producer_id.0, transaction.producer.id);
    assert_eq!((found.producer_epoch, found.topics.len()), (0, 0));
});

conversation!(an_open_transaction_is_described, |k| {
    let (topic, before) = (k.topic(2), now());
    let (transaction, _) = k.open((&topic, 1), &["a"]);
    let found = k.describe_transaction(&transaction.id);
    assert_eq!(&*found.transaction_state, "Ongoing");
    assert!((before..=now()).contains(&found.transaction_start_time_ms));
    assert_eq!(*found.topics[0].topic.0, *topic.name);
    assert_eq!(found.topics[0].partitions, [1]);
});

conversation!(an_ended_transaction_is_described, |k| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, true);
    let found = k.describe_transaction(&transaction.id);
    assert_eq!((&*found.transaction_state, found.topics.len()), ("CompleteCommit", 0));
});

conversation!(an_unknown_transactional_id_is_not_found, |k| {
    k.transaction();
    let id = k.name("transaction");
    let found = k.describe_transaction(&id);
    assert_eq!(said(found.error_code), Err(TransactionalIdNotFound));
    assert_eq!(*found.transactional_id.0, *id);
    let found = k.describe_transaction("");
    assert_eq!(said(found.error_code), Err(InvalidRequest));
});

fn listed(
    k: &mut Talk,
    v: i16,
    id: &str,
    request: ListTransactionsRequest,
) -> Option<TransactionState> {
    let answer = k.ask(v, &request);
    assert_eq!(said(answer.error_code), Ok(()));
    answer.transaction_states.into_iter().find(|found| *found.transactional_id.0 == *id)
}

conversation!(transactions_are_listed, [0, 1], |k, v| {
    let transaction = k.transaction();
    let found = listed(k, v, &transaction.id, ListTransactionsRequest::default());
    let found = found.expect("the transaction");
    assert_eq!(found.producer_id.0, transaction.producer.id);
    assert_eq!(&*found.transaction_state, "Empty");
});

conversation!(transactions_are_listed_by_state, [0, 1], |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let by = |state: &str| ListTransactionsRequest::default().with_state_filters(vec![text(state)]);
    assert!(listed(k, v, &transaction.id, by("Ongoing")).is_some());
    assert!(listed(k, v, &transaction.id, by("Empty")).is_none());
});

conversation!(an_unknown_state_is_named, [0, 1], |k, v| {
    k.transaction();
    let states = vec![text("Ongoing"), text("Thinking")];
    let answer = k.ask(v, &ListTransactionsRequest::default().with_state_filters(states));
    assert_eq!(said(answer.error_code), Ok(()));
    assert_eq!(answer.unknown_state_filters, [text("Thinking")]);
});

conversation!(transactions_are_listed_by_producer, [0, 1], |k, v| {
    let (one, other) = (k.transaction(), k.transaction());
    let ids = vec![one.producer.id.into()];
    let by = ListTransactionsRequest::default().with_producer_id_filters(ids);
    assert!(listed(k, v, &one.id, by.clone()).is_some());
    assert!(listed(k, v, &other.id, by).is_none());
});

conversation!(transactions_are_listed_by_duration, [1], |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let by = |duration| ListTransactionsRequest::default().with_duration_filter(duration);
    assert!(listed(k, v, &transaction.id, by(3_600_000)).is_none());
    until("its first millisecond", || listed(k, v, &transaction.id, by(1)));
});

/// The producers that a partition remembers.
fn producers(k: &mut Talk, place: impl Into<Place>) -> Said<Vec<ProducerState>> {
    let place = place.into();
    let topic = TopicRequest::default()
        .with_name(topic_name(&place.topic.name))
        .with_partition_indexes(vec![place.partition]);
    let answer = k.ask(0, &DescribeProducersRequest::default().with_topics(vec![topic]));
    let found = &answer.topics[0].partitions[0];
    said(found.error_code).map(|()| found.active_producers.clone())
}

conversation!(a_partition_knows_its_producers, |k| {
    let (topic, producer, before) = (k.topic(1), k.producer(), now());
    let batch = Batch::of(&["a", "b", "c"]).by(producer, 0);
    k.produce(9, &topic, batch).expect("an offset");
    let found = &producers(k, &topic).expect("producers")[0];
    assert_eq!((found.producer_id.0, found.producer_epoch), (producer.id, 0));
    assert_eq!((found.last_sequence, found.current_txn_start_offset), (2, -1));
    assert_eq!(found.coordinator_epoch, -1);
    assert!((before..=now()).contains(&found.last_timestamp));
});

conversation!(a_partition_knows_its_open_transactions, |k| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["plain"])).expect("an offset");
    let (transaction, offset) = k.open(&topic, &["a"]);
    let found = producers(k, &topic).expect("producers");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].producer_id.0, transaction.producer.id);
    assert_eq!(found[0].current_txn_start_offset, offset);
    k.finish(&transaction, true);
    let found = &producers(k, &topic).expect("producers")[0];
    assert_eq!(found.current_txn_start_offset, -1);
    assert!(found.coordinator_epoch >= 0);
});

conversation!(producers_without_an_id_are_not_remembered, |k| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    assert_eq!(producers(k, &topic), Ok(vec![]));
});

conversation!(an_unknown_partition_knows_no_producers, |k| {
    let (topic, missing) = (k.topic(1), Topic::missing(k));
    assert_eq!(producers(k, &missing), Err(UnknownTopicOrPartition));
    assert_eq!(producers(k, (&topic, 9)), Err(UnknownTopicOrPartition));
});
