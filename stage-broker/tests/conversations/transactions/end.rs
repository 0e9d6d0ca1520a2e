//! EndTxn: commit and abort, once.

use crate::ask::fetch::Fetch;
use crate::ask::transaction::Transaction;
use crate::talk::until;
use kafka_protocol::ResponseError::{
    InvalidProducerEpoch, InvalidProducerIdMapping, InvalidRequest, InvalidTxnState, ProducerFenced,
};

const VERSIONS: [i16; 4] = [0, 2, 3, 4];

conversation!(a_commit_writes_markers_to_all_partitions, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(3), k.transaction());
    for partition in [0, 2] {
        k.write(&transaction, (&topic, partition), 0, &["a"]);
    }
    assert_eq!(k.end(v, &transaction, true), Ok(()));
    k.until_state(&transaction.id, "CompleteCommit");
    for (partition, markers) in [(0, vec![true]), (1, vec![]), (2, vec![true])] {
        let read = k.fetch(12, &Fetch::from((&topic, partition), 0).committed());
        assert_eq!(read.expect("a fetch").markers(), markers);
    }
});

conversation!(an_abort_writes_markers_to_all_partitions, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(2), k.transaction());
    for partition in [0, 1] {
        k.write(&transaction, (&topic, partition), 0, &["a"]);
    }
    assert_eq!(k.end(v, &transaction, false), Ok(()));
    k.until_state(&transaction.id, "CompleteAbort");
    for partition in [0, 1] {
        let read = k.fetch(12, &Fetch::from((&topic, partition), 0).committed());
        assert_eq!(read.expect("a fetch").markers(), [false]);
    }
});

conversation!(a_partition_without_records_gets_its_marker, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(1), k.transaction());
    assert_eq!(k.add(3, &transaction, &topic), Ok(()));
    assert_eq!(k.end(v, &transaction, true), Ok(()));
    until("a marker", || (k.end_of(&topic) == Ok(1)).then_some(()));
});

conversation!(a_transaction_that_never_began_cannot_end, VERSIONS, |k, v| {
    let transaction = k.transaction();
    assert_eq!(k.end(v, &transaction, true), Err(InvalidTxnState));
    assert_eq!(k.end(v, &transaction, false), Err(InvalidTxnState));
});

conversation!(an_end_may_be_repeated, VERSIONS, |k, v| {
    let topic = k.topic(1);
    for commit in [true, false] {
        let (transaction, _) = k.open(&topic, &["a"]);
        assert_eq!(k.end(v, &transaction, commit), Ok(()));
        assert_eq!(k.end(v, &transaction, commit), Ok(()));
    }
    until("both ends", || (k.end_of(&topic) == Ok(4)).then_some(()));
});

conversation!(what_is_committed_cannot_be_aborted, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, true);
    assert_eq!(k.end(v, &transaction, false), Err(InvalidTxnState));
});

conversation!(what_is_aborted_cannot_be_committed, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, false);
    assert_eq!(k.end(v, &transaction, true), Err(InvalidTxnState));
});

conversation!(a_fenced_producer_ends_nothing, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (former, _) = k.open(&topic, &["a"]);
    let next = k.takeover(&former);
    k.write(&next, &topic, 0, &["b"]);
    let wanted = if v >= 2 { ProducerFenced } else { InvalidProducerEpoch };
    assert_eq!(k.end(v, &former, true), Err(wanted));
    assert_eq!(k.end(v, &former, false), Err(wanted));
    k.until_state(&next.id, "Ongoing");
});

conversation!(another_producer_ends_nothing, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let stranger = Transaction { producer: k.producer(), ..transaction.clone() };
    assert_eq!(k.end(v, &stranger, true), Err(InvalidProducerIdMapping));
    k.until_state(&transaction.id, "Ongoing");
});

conversation!(an_unknown_transaction_cannot_end, VERSIONS, |k, v| {
    let unknown = Transaction { id: k.name("transaction"), producer: k.producer() };
    assert_eq!(k.end(v, &unknown, true), Err(InvalidProducerIdMapping));
});

conversation!(a_transaction_without_a_name_cannot_end, VERSIONS, |k, v| {
    let nameless = Transaction { id: String::new(), producer: k.producer() };
    assert_eq!(k.end(v, &nameless, true), Err(InvalidRequest));
});

conversation!(one_transaction_follows_another, VERSIONS, |k, v| {
    let (topic, transaction) = (k.topic(1), k.transaction());
    for (sequence, commit) in [true, false, true].into_iter().enumerate() {
        k.write(&transaction, &topic, sequence as i32, &["record"]);
        assert_eq!(k.end(v, &transaction, commit), Ok(()));
    }
    until("three ends", || (k.end_of(&topic) == Ok(6)).then_some(()));
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.markers(), [true, false, true]);
    assert_eq!(read.aborted, [(transaction.producer.id, 2)]);
});
