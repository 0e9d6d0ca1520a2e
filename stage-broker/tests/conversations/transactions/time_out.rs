//! Transactions that take too long: aborted, and their producer fenced.

use crate::ask::fetch::Fetch;
use crate::ask::group::Member;
use crate::ask::topic::Topic;
use crate::ask::transaction::{PRODUCE, Transaction};
use crate::batch::Batch;
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{InvalidProducerEpoch, ProducerFenced};

/// One that was not ended in time.
fn timed_out(k: &mut Talk) -> (Topic, Transaction) {
    let (topic, transaction) = (k.topic(1), k.transaction_of(300));
    k.write(&transaction, &topic, 0, &["late"]);
    k.until_state(&transaction.id, "CompleteAbort");
    (topic, transaction)
}

conversation!(it_is_aborted, |k| {
    let (topic, transaction) = timed_out(k);
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.aborted, [(transaction.producer.id, 0)]);
    assert_eq!((read.markers(), read.last_stable), (vec![false], 2));
});

conversation!(its_producer_is_fenced, |k| {
    let (topic, transaction) = timed_out(k);
    let batch = Batch::of(&["later"]).within(transaction.producer, 1);
    let said = k.produce_in(PRODUCE, &transaction.id, &topic, batch);
    assert_eq!(said, Err(InvalidProducerEpoch));
    assert_eq!(k.add(3, &transaction, &topic), Err(ProducerFenced));
    for (version, wanted) in [(0, InvalidProducerEpoch), (2, ProducerFenced), (4, ProducerFenced)] {
        assert_eq!(k.end(version, &transaction, true), Err(wanted));
        assert_eq!(k.end(version, &transaction, false), Err(wanted));
    }
});

conversation!(its_producer_can_begin_again, |k| {
    let (topic, transaction) = timed_out(k);
    let next = k.takeover(&transaction);
    assert_eq!(next.producer.id, transaction.producer.id);
    assert!(next.producer.epoch > transaction.producer.epoch + 1);
    assert_eq!(k.write(&next, &topic, 0, &["again"]), 2);
    k.finish(&next, true);
});

conversation!(its_offsets_are_dropped, |k| {
    let (nobody, topic) = (Member::of(&k.group()), k.topic(1));
    let transaction = k.transaction_of(300);
    assert_eq!(k.add_offsets(3, &transaction, &nobody.group), Ok(()));
    assert_eq!(k.commit_in(3, &transaction, &nobody, &topic, 5), Ok(()));
    k.until_state(&transaction.id, "CompleteAbort");
    until("stable offsets", || k.committed_in(7, &nobody.group, &topic, true).ok());
    assert_eq!(k.committed(&nobody.group, &topic), Ok((-1, String::new())));
});

conversation!(an_idle_producer_is_not_timed_out, |k| {
    let idle = k.transaction_of(300);
    // Another one is, meanwhile.
    timed_out(k);
    k.until_state(&idle.id, "Empty");
    let topic = k.topic(1);
    assert_eq!(k.add(3, &idle, &topic), Ok(()));
});

conversation!(each_transaction_has_its_own_time, |k| {
    let (topic, long) = (k.topic(1), k.transaction());
    k.write(&long, &topic, 0, &["long"]);
    timed_out(k);
    k.finish(&long, true);
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.values(), ["long"]);
});
