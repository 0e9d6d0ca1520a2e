//! A fetch that waits: for enough bytes, or for as long as it said.

use crate::ask::fetch::{Fetch, Read, VERSIONS};
use crate::ask::topic::Topic;
use crate::batch::Batch;
use kafka_protocol::ResponseError::OffsetOutOfRange;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

conversation!(a_record_wakes_a_waiting_fetch, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let mut reader = k.line();
    let fetch = Fetch::from(&topic, 0).waiting(1, LONG);
    let waiting = reader.send(v, &fetch.request(v));
    assert!(reader.is_silent(Duration::from_millis(100)));
    let since = Instant::now();
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    let answer = reader.answer(waiting);
    assert!(since.elapsed() < LONG / 2);
    let read = Read::of(&answer.responses[0].partitions[0]).expect("a fetch");
    assert_eq!(read.values(), ["a"]);
});

conversation!(a_fetch_waits_until_there_is_enough, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let mut reader = k.line();
    let batch = Batch::of(&["a record"]).bytes();
    let enough = 2 * batch.len() as i32;
    let waiting = reader.send(v, &Fetch::from(&topic, 0).waiting(enough, LONG).request(v));
    k.produce(9, &topic, batch.clone()).expect("an offset");
    assert!(reader.is_silent(Duration::from_millis(100)));
    k.produce(9, &topic, batch).expect("an offset");
    let answer = reader.answer(waiting);
    let read = Read::of(&answer.responses[0].partitions[0]).expect("a fetch");
    assert_eq!(read.values().len(), 2);
});

conversation!(a_fetch_waits_no_longer_than_it_said, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let since = Instant::now();
    let read = k.fetch(v, &Fetch::from(&topic, 0).waiting(1, SHORT)).expect("a fetch");
    assert_eq!(read.size, 0);
    assert!((SHORT..LONG).contains(&since.elapsed()));
});

conversation!(too_little_is_answered_when_time_is_up, |k| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    let since = Instant::now();
    let fetch = Fetch::from(&topic, 0).waiting(1 << 20, SHORT);
    assert_eq!(k.fetch(12, &fetch).expect("a fetch").values(), ["a"]);
    assert!(since.elapsed() >= SHORT);
});

conversation!(no_bytes_wanted_is_answered_at_once, |k| {
    let topic = k.topic(1);
    let since = Instant::now();
    let read = k.fetch(12, &Fetch::from(&topic, 0).waiting(0, LONG)).expect("a fetch");
    assert_eq!(read.size, 0);
    assert!(since.elapsed() < LONG / 2);
});

conversation!(an_error_does_not_wait, |k| {
    let topic = k.topic(1);
    let since = Instant::now();
    let answer = k.fetch(12, &Fetch::from(&topic, 5).waiting(1, LONG));
    assert_eq!(answer.err(), Some(OffsetOutOfRange));
    let missing = Topic::missing(k);
    assert!(k.fetch(12, &Fetch::from(&missing, 0).waiting(1, LONG)).is_err());
    assert!(since.elapsed() < LONG / 2);
});

conversation!(any_of_its_partitions_wakes_it, |k| {
    let topic = k.topic(3);
    let mut reader = k.line();
    let mut request = Fetch::from((&topic, 0), 0).waiting(1, LONG).request(12);
    for partition in [1, 2] {
        request.topics[0].partitions.push(Fetch::from((&topic, partition), 0).partition);
    }
    let waiting = reader.send(12, &request);
    k.produce(9, (&topic, 2), Batch::of(&["c"])).expect("an offset");
    let answer = reader.answer(waiting);
    let sizes = answer.responses[0].partitions.iter();
    let mut found: Vec<_> = sizes
        .map(|p| (p.partition_index, p.records.as_ref().is_some_and(|r| !r.is_empty())))
        .collect();
    found.sort();
    assert_eq!(found, [(0, false), (1, false), (2, true)]);
});

conversation!(a_deleted_topic_wakes_a_waiting_fetch, |k| {
    let topic = k.topic(1);
    let mut reader = k.line();
    let fetch = Fetch::from(&topic, 0).waiting(1, Duration::from_secs(5));
    let waiting = reader.send(12, &fetch.request(12));
    assert!(reader.is_silent(Duration::from_millis(100)));
    assert_eq!(k.delete(&topic.name), Ok(()));
    let answer = reader.answer(waiting);
    assert_ne!(answer.responses[0].partitions[0].error_code, 0);
});
