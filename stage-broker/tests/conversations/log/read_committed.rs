//! What a reader of committed records sees: up to the last stable offset, with what was aborted.

use crate::ask::fetch::{Fetch, Read, VERSIONS};
use crate::batch::Batch;
use crate::talk::until;
use std::time::Duration;

conversation!(an_open_transaction_is_not_read, VERSIONS, |k, v| {
    let topic = k.topic(1);
    k.open(&topic, &["open"]);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!((read.size, read.high_watermark, read.last_stable), (0, 1, 0));
});

conversation!(a_reader_of_everything_sees_an_open_transaction, VERSIONS, |k, v| {
    let topic = k.topic(1);
    k.open(&topic, &["open"]);
    let read = k.fetch(v, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!(read.values(), ["open"]);
    assert_eq!(read.high_watermark, 1);
});

conversation!(what_is_before_an_open_transaction_is_read, VERSIONS, |k, v| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["before"])).expect("an offset");
    k.open(&topic, &["open"]);
    k.produce(9, &topic, Batch::of(&["after"])).expect("an offset");
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.values(), ["before"]);
    assert_eq!((read.high_watermark, read.last_stable), (3, 1));
});

conversation!(a_committed_transaction_is_read, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a", "b"]);
    k.finish(&transaction, true);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.values(), ["a", "b"]);
    assert_eq!(read.markers(), [true]);
    assert_eq!((read.high_watermark, read.last_stable), (3, 3));
    assert_eq!(read.aborted, []);
});

conversation!(an_aborted_transaction_is_listed, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a", "b"]);
    k.finish(&transaction, false);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.aborted, [(transaction.producer.id, 0)]);
    assert_eq!(read.markers(), [false]);
    assert_eq!(read.last_stable, 3);
});

conversation!(a_reader_of_everything_gets_no_list, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, false);
    let answer = k.ask(v, &Fetch::from(&topic, 0).request(v));
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.aborted_transactions, None);
    assert_eq!(Read::of(partition).expect("a fetch").values(), ["a"]);
});

conversation!(an_aborted_transaction_behind_the_reader_is_not_listed, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, false);
    k.produce(9, &topic, Batch::of(&["after"])).expect("an offset");
    let read = k.fetch(v, &Fetch::from(&topic, 2).committed()).expect("a fetch");
    assert_eq!(read.values(), ["after"]);
    assert_eq!(read.aborted, []);
});

conversation!(an_aborted_transaction_that_reaches_to_the_reader_is_listed, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.produce(9, &topic, Batch::of(&["between"])).expect("an offset");
    k.finish(&transaction, false);
    let read = k.fetch(v, &Fetch::from(&topic, 1).committed()).expect("a fetch");
    assert_eq!(read.aborted, [(transaction.producer.id, 0)]);
});

conversation!(interleaved_transactions_end_one_by_one, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (one, _) = k.open(&topic, &["one"]);
    let (other, _) = k.open(&topic, &["other"]);
    let batch = Batch::of(&["one again"]).within(one.producer, 1);
    assert_eq!(k.produce_in(11, &one.id, &topic, batch), Ok(2));
    k.finish(&other, true);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!((read.last_stable, read.size), (0, 0));
    k.finish(&one, false);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.values(), ["one", "other", "one again"]);
    assert_eq!(read.markers(), [true, false]);
    assert_eq!(read.aborted, [(one.producer.id, 0)]);
    assert_eq!(read.last_stable, 5);
});

conversation!(the_earliest_open_transaction_holds_the_readers, |k| {
    let topic = k.topic(1);
    let (first, _) = k.open(&topic, &["first"]);
    let (second, _) = k.open(&topic, &["second"]);
    k.finish(&first, true);
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.last_stable, 1);
    assert_eq!(read.values(), ["first"]);
    k.finish(&second, true);
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(read.values(), ["first", "second"]);
});

conversation!(a_commit_wakes_a_waiting_reader, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let mut reader = k.line();
    let fetch = Fetch::from(&topic, 0).committed().waiting(1, Duration::from_secs(20));
    let waiting = reader.send(v, &fetch.request(v));
    assert!(reader.is_silent(Duration::from_millis(100)));
    k.finish(&transaction, true);
    let answer = reader.answer(waiting);
    let read = Read::of(&answer.responses[0].partitions[0]).expect("a fetch");
    assert_eq!(read.values(), ["a"]);
});

conversation!(two_aborts_of_one_producer_are_listed_twice, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, false);
    k.write(&transaction, &topic, 1, &["b"]);
    k.finish(&transaction, false);
    let read = k.fetch(v, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    let id = transaction.producer.id;
    assert_eq!(read.aborted, [(id, 0), (id, 2)]);
});

conversation!(each_partition_has_its_own_last_stable_offset, |k| {
    let topic = k.topic(2);
    k.open((&topic, 0), &["open"]);
    k.produce(9, (&topic, 1), Batch::of(&["plain"])).expect("an offset");
    let read = k.fetch(12, &Fetch::from((&topic, 1), 0).committed()).expect("a fetch");
    assert_eq!((read.last_stable, read.values()), (1, vec!["plain".to_owned()]));
});

conversation!(between_the_last_stable_offset_and_the_end_there_is_nothing, VERSIONS, |k, v| {
    let topic = k.topic(1);
    k.open(&topic, &["a", "b", "c"]);
    let read = k.fetch(v, &Fetch::from(&topic, 2).committed()).expect("a fetch");
    assert_eq!(read.size, 0);
    assert!(k.fetch(v, &Fetch::from(&topic, 4).committed()).is_err());
});

conversation!(a_marker_is_a_batch_of_its_producer, |k| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    k.finish(&transaction, true);
    let read = until("a marker", || {
        k.fetch(12, &Fetch::from(&topic, 1)).ok().filter(|read| !read.batches.is_empty())
    });
    let marker = &read.batches[0];
    assert_eq!((marker.base_offset, marker.last_offset, marker.count), (1, 1, 1));
    assert_eq!(marker.producer, transaction.producer);
    assert_eq!((marker.attributes, marker.sequence), (0x30, -1));
});
