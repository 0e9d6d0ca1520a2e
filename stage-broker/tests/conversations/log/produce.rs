//! Produce: offsets, acknowledgements, and partitions that are not there.

use crate::ask::fetch::Fetch;
use crate::ask::produce::produce;
use crate::ask::topic::Topic;
use crate::batch::{ATTRIBUTES, Batch};
use crate::said::said;
use kafka_protocol::ResponseError::{InvalidRequiredAcks, UnknownTopicId, UnknownTopicOrPartition};
use std::time::Duration;

const VERSIONS: [i16; 3] = [3, 7, 11];

conversation!(offsets_are_assigned_in_order, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.produce(v, &topic, Batch::of(&["a", "b"])), Ok(0));
    assert_eq!(k.produce(v, &topic, Batch::of(&["c"])), Ok(2));
    assert_eq!(k.produce(v, &topic, Batch::of(&["d", "e", "f"])), Ok(3));
    assert_eq!(k.values(&topic), ["a", "b", "c", "d", "e", "f"]);
});

conversation!(the_leader_alone_may_acknowledge, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let places = vec![((&topic).into(), Batch::of(&["a"]).bytes())];
    let answer = k.ask(v, &produce(v, places).with_acks(1));
    let answer = &answer.responses[0].partition_responses[0];
    assert_eq!((answer.error_code, answer.base_offset), (0, 0));
    assert_eq!(k.values(&topic), ["a"]);
});

conversation!(without_acknowledgement_nothing_is_answered, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let places = vec![((&topic).into(), Batch::of(&["a"]).bytes())];
    k.send(v, &produce(v, places).with_acks(0));
    assert!(k.is_silent(Duration::from_millis(50)));
    assert_eq!(k.produce(v, &topic, Batch::of(&["b"])), Ok(1));
});

conversation!(without_acknowledgement_an_error_ends_the_connection, |k| {
    let missing = Topic::missing(k);
    let places = vec![((&missing).into(), Batch::of(&["a"]).bytes())];
    k.send(9, &produce(9, places).with_acks(0));
    assert_eq!(k.receive(), None);
});

conversation!(other_acknowledgements_are_refused, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let places = vec![((&topic).into(), Batch::of(&["a"]).bytes())];
    let answer = k.ask(v, &produce(v, places).with_acks(2));
    let answer = &answer.responses[0].partition_responses[0];
    assert_eq!(said(answer.error_code), Err(InvalidRequiredAcks));
    assert_eq!(k.end_of(&topic), Ok(0));
});

conversation!(an_unknown_topic_is_refused, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    let answer = k.produced(v, &missing, Batch::of(&["a"]));
    assert_eq!(said(answer.error_code), Err(UnknownTopicOrPartition));
    assert_eq!(answer.base_offset, -1);
});

conversation!(a_topic_is_named_by_its_id, [13], |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.produce(v, &topic, Batch::of(&["a", "b"])), Ok(0));
    assert_eq!(k.produce(v, &topic, Batch::of(&["c"])), Ok(2));
    assert_eq!(k.values(&topic), ["a", "b", "c"]);
});

conversation!(an_unknown_topic_id_is_refused, [13], |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(k.produce(v, &missing, Batch::of(&["a"])), Err(UnknownTopicId));
});

conversation!(an_unknown_partition_is_refused, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.produce(v, (&topic, 1), Batch::of(&["a"])), Err(UnknownTopicOrPartition));
    assert_eq!(k.produce(v, (&topic, -1), Batch::of(&["a"])), Err(UnknownTopicOrPartition));
});

conversation!(one_bad_partition_does_not_hold_up_another, VERSIONS, |k, v| {
    let topic = k.topic(2);
    let batch = Batch::of(&["a"]).bytes();
    let places = [7, 1].map(|partition| ((&topic, partition).into(), batch.clone()));
    let answer = k.ask(v, &produce(v, places.to_vec()));
    let found = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let mut found: Vec<_> = found.map(|p| (p.index, p.error_code, p.base_offset)).collect();
    found.sort();
    assert_eq!(found, [(1, 0, 0), (7, 3, -1)]);
});

conversation!(two_batches_for_one_partition_are_refused, |k| {
    let topic = k.topic(1);
    let both = [Batch::of(&["a"]).bytes(), Batch::of(&["b"]).bytes()].concat();
    let answer = k.produced(9, &topic, both);
    assert_eq!(said(answer.error_code), Err(kafka_protocol::ResponseError::InvalidRecord));
    assert_eq!(k.end_of(&topic), Ok(0));
});

conversation!(records_come_back_as_they_were_sent, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let records = [(Some("key"), Some("value")), (None, Some("")), (Some("gone"), None)];
    let sent = Batch::keyed(&records).bytes();
    assert_eq!(k.produce(v, &topic, sent.clone()), Ok(0));
    let read = k.fetch(12, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!(read.batches.len(), 1);
    assert_eq!(read.batches[0].bytes[ATTRIBUTES..], sent[ATTRIBUTES..]);
    assert_eq!(read.batches[0].leader_epoch, 0);
});

conversation!(the_answer_says_where_the_log_starts, |k| {
    let topic = k.topic(1);
    let answer = k.produced(9, &topic, Batch::of(&["a"]));
    assert_eq!(
        (answer.base_offset, answer.log_start_offset, answer.log_append_time_ms),
        (0, 0, -1)
    );
    assert_eq!((answer.record_errors.len(), answer.error_message), (0, None));
});

conversation!(nothing_to_produce_is_answered, |k| {
    assert_eq!(k.ask(9, &produce(9, vec![])).responses.len(), 0);
});
