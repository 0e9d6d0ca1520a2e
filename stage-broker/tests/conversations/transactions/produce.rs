//! Produce as part of a transaction, and outside of it.

use crate::ask::fetch::Fetch;
use crate::ask::transaction::{ADD, END};
use crate::batch::Batch;
use crate::said::Said;
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    InvalidProducerEpoch, InvalidTxnState, OutOfOrderSequenceNumber, TransactionAbortable,
};

const VERSIONS: [i16; 3] = [3, 7, 11];

/// Whether a partition that is not part of the transaction said so. The second code is for version
/// 11, but Apache Kafka gives it to an older one too that is verified together with such a request.
fn not_added(said: Said<i64>) -> bool {
    matches!(said, Err(InvalidTxnState | TransactionAbortable))
}

conversation!(an_added_partition_takes_records, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(1), k.transaction());
    assert_eq!(k.add(ADD, &transaction, &topic), Ok(()));
    let batch = Batch::of(&["a"]).within(transaction.producer, 0);
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(0));
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(0));
    let batch = Batch::of(&["b"]).within(transaction.producer, 1);
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(1));
});

conversation!(a_partition_that_was_not_added_takes_none, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(2), k.transaction());
    let batch = Batch::of(&["a"]).within(transaction.producer, 0);
    assert!(not_added(k.produce_in(v, &transaction.id, &topic, &batch)));
    assert_eq!(k.add(ADD, &transaction, (&topic, 1)), Ok(()));
    assert!(not_added(k.produce_in(v, &transaction.id, &topic, &batch)));
    assert_eq!(k.end_of(&topic), Ok(0));
});

conversation!(a_partition_is_added_to_each_transaction, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, true);
    let batch = Batch::of(&["b"]).within(transaction.producer, 1);
    assert!(not_added(k.produce_in(v, &transaction.id, &topic, &batch)));
    assert_eq!(k.add(ADD, &transaction, &topic), Ok(()));
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(2));
});

conversation!(a_fenced_producer_writes_nothing, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (former, _) = k.open(&topic, &["a"]);
    let next = k.takeover(&former);
    let late = Batch::of(&["late"]).within(former.producer, 1);
    assert_eq!(k.produce_in(v, &former.id, &topic, late), Err(InvalidProducerEpoch));
    assert_eq!(k.write(&next, &topic, 0, &["b"]), 2);
});

conversation!(within_a_transaction_all_records_are_part_of_it, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let outside = Batch::of(&["outside"]).by(transaction.producer, 1);
    assert_eq!(k.produce(v, &topic, outside), Err(InvalidTxnState));
});

conversation!(sequences_go_on_over_transactions, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a", "b"]);
    k.finish(&transaction, true);
    assert_eq!(k.add(ADD, &transaction, &topic), Ok(()));
    let gap = Batch::of(&["c"]).within(transaction.producer, 5);
    let said = k.produce_in(v, &transaction.id, &topic, gap);
    assert_eq!(said, Err(OutOfOrderSequenceNumber));
    let next = Batch::of(&["c"]).within(transaction.producer, 2);
    assert_eq!(k.produce_in(v, &transaction.id, &topic, next), Ok(3));
});

conversation!(a_duplicate_of_an_earlier_transaction_is_no_new_record, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(1), k.transaction());
    assert_eq!(k.add(ADD, &transaction, &topic), Ok(()));
    let batch = Batch::of(&["a"]).within(transaction.producer, 0);
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(0));
    k.finish(&transaction, true);
    assert_eq!(k.add(ADD, &transaction, &topic), Ok(()));
    assert_eq!(k.produce_in(v, &transaction.id, &topic, &batch), Ok(0));
    assert_eq!(k.end(END, &transaction, true), Ok(()));
});

conversation!(several_producers_write_at_once, |k| {
    let topic = k.topic(1);
    let (one, first) = k.open(&topic, &["one"]);
    let (other, second) = k.open(&topic, &["other"]);
    assert_eq!((first, second), (0, 1));
    k.finish(&other, false);
    k.finish(&one, true);
    assert_eq!(committed(k, &topic), ["one", "other"]);
});

fn committed(k: &mut Talk, topic: &crate::ask::topic::Topic) -> Vec<String> {
    let fetch = Fetch::from(topic, 0).committed();
    k.fetch(12, &fetch).expect("a fetch").values()
}
