//! Compacted topics: the last value of a key stays, tombstones go, transactions keep their sense.

use crate::ask::fetch::Fetch;
use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::talk::{Talk, until_late};
use std::collections::BTreeMap;

/// Cleaned as soon as the cleaner comes along: each batch rolls a new segment.
const CLEANED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.001"),
    ("segment.ms", "1"),
    ("delete.retention.ms", "0"),
];

/// Key and value of all records but markers. A fetch may end where a segment ends.
fn records(k: &mut Talk, topic: &Topic) -> Vec<(String, Option<String>)> {
    let word = |bytes: bytes::Bytes| String::from_utf8_lossy(&bytes).into_owned();
    let (mut found, mut offset, end) = (Vec::new(), 0, k.end_of(topic).expect("an end"));
    while offset < end {
        let read = k.fetch(12, &Fetch::from(topic, offset)).expect("a fetch");
        for batch in read.batches.iter().filter(|batch| !batch.is_control()) {
            let records = batch.records().into_iter();
            found.extend(records.map(|(key, value)| (word(key.expect("a key")), value.map(word))));
        }
        offset = read.batches.last().expect("a batch").last_offset + 1;
    }
    found
}

/// Gives the log something new until the cleaner did what is waited for.
fn until_cleaned(k: &mut Talk, topic: &Topic, done: impl Fn(&[(String, Option<String>)]) -> bool) {
    until_late("a clean log", || {
        let head = Batch::keyed(&[(Some("head"), Some("new"))]);
        k.produce(9, topic, head).expect("an offset");
        done(&records(k, topic)).then_some(())
    });
}

fn count(records: &[(String, Option<String>)], key: &str) -> usize {
    records.iter().filter(|(found, _)| found == key).count()
}

conversation!(the_last_value_of_a_key_stays, |k| {
    let topic = k.topic_with(1, &CLEANED);
    for value in ["1", "2", "3"] {
        let both = [(Some("a"), Some(value)), (Some("b"), Some(value))];
        k.produce(9, &topic, Batch::keyed(&both)).expect("an offset");
    }
    until_cleaned(k, &topic, |found| count(found, "a") == 1 && count(found, "b") == 1);
    let last: BTreeMap<_, _> = records(k, &topic).into_iter().collect();
    assert_eq!((last["a"].as_deref(), last["b"].as_deref()), (Some("3"), Some("3")));
    // Offsets stay, and what is gone is read over.
    let read = k.fetch(12, &Fetch::from(&topic, 1)).expect("a fetch");
    assert!(read.batches[0].last_offset >= 4);
});

conversation!(a_tombstone_goes_in_the_end, |k| {
    let topic = k.topic_with(1, &CLEANED);
    for value in [Some("1"), Some("2"), None] {
        let batch = Batch::keyed(&[(Some("a"), value), (Some("b"), Some("stays"))]);
        k.produce(9, &topic, batch).expect("an offset");
    }
    until_cleaned(k, &topic, |found| count(found, "a") == 0 && count(found, "b") == 1);
});

conversation!(an_aborted_value_does_not_replace_a_committed_one, |k| {
    let topic = k.topic_with(1, &CLEANED);
    k.produce(9, &topic, Batch::keyed(&[(Some("a"), Some("0"))])).expect("an offset");
    k.produce(9, &topic, Batch::keyed(&[(Some("a"), Some("1"))])).expect("an offset");
    let transaction = k.transaction();
    assert_eq!(k.add(3, &transaction, &topic), Ok(()));
    let aborted = Batch::keyed(&[(Some("a"), Some("2"))]).within(transaction.producer, 0);
    k.produce_in(11, &transaction.id, &topic, aborted).expect("an offset");
    k.finish(&transaction, false);
    until_cleaned(k, &topic, |found| count(found, "a") == 1);
    let last: BTreeMap<_, _> = records(k, &topic).into_iter().collect();
    assert_eq!(last["a"].as_deref(), Some("1"));
});
