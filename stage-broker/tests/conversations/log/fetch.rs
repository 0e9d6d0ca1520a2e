//! Fetch: where it starts, and what it cannot read.

use crate::ask::fetch::{Fetch, VERSIONS};
use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::said::said;
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    OffsetOutOfRange, UnknownLeaderEpoch, UnknownTopicId, UnknownTopicOrPartition,
};

/// Three batches of two records.
fn filled(k: &mut Talk) -> Topic {
    let topic = k.topic(1);
    for values in [["a", "b"], ["c", "d"], ["e", "f"]] {
        k.produce(9, &topic, Batch::of(&values)).expect("an offset");
    }
    topic
}

conversation!(all_is_read_from_the_start, VERSIONS, |k, v| {
    let topic = filled(k);
    let read = k.fetch(v, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!(read.values(), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!((read.high_watermark, read.last_stable), (6, 6));
    assert_eq!(read.aborted, []);
});

conversation!(where_the_log_starts_is_said, [5, 12, 17], |k, v| {
    let topic = filled(k);
    assert_eq!(k.fetch(v, &Fetch::from(&topic, 0)).expect("a fetch").log_start, 0);
});

conversation!(the_middle_of_a_batch_brings_all_of_it, VERSIONS, |k, v| {
    let topic = filled(k);
    let read = k.fetch(v, &Fetch::from(&topic, 3)).expect("a fetch");
    assert_eq!(read.batches[0].base_offset, 2);
    assert_eq!(read.values(), ["c", "d", "e", "f"]);
});

conversation!(at_the_end_there_is_nothing, VERSIONS, |k, v| {
    let topic = filled(k);
    let read = k.fetch(v, &Fetch::from(&topic, 6)).expect("a fetch");
    assert_eq!((read.size, read.high_watermark), (0, 6));
});

conversation!(beyond_the_end_is_out_of_range, VERSIONS, |k, v| {
    let topic = filled(k);
    let answer = k.ask(v, &Fetch::from(&topic, 7).request(v));
    let answer = &answer.responses[0].partitions[0];
    assert_eq!(said(answer.error_code), Err(OffsetOutOfRange));
    assert_eq!((answer.high_watermark, answer.last_stable_offset), (-1, -1));
});

conversation!(before_the_start_is_out_of_range, VERSIONS, |k, v| {
    let topic = filled(k);
    let answer = k.fetch(v, &Fetch::from(&topic, -1));
    assert_eq!(answer.err(), Some(OffsetOutOfRange));
});

conversation!(an_unknown_topic_has_nothing, [4, 7, 12], |k, v| {
    let missing = Topic::missing(k);
    let answer = k.fetch(v, &Fetch::from(&missing, 0));
    assert_eq!(answer.err(), Some(UnknownTopicOrPartition));
});

conversation!(an_unknown_topic_id_has_nothing, [13, 17], |k, v| {
    let missing = Topic::missing(k);
    let answer = k.fetch(v, &Fetch::from(&missing, 0));
    assert_eq!(answer.err(), Some(UnknownTopicId));
});

conversation!(an_unknown_partition_has_nothing, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let answer = k.fetch(v, &Fetch::from((&topic, 5), 0));
    assert_eq!(answer.err(), Some(UnknownTopicOrPartition));
});

conversation!(one_bad_partition_does_not_spoil_another, [4, 7, 12], |k, v| {
    let topic = filled(k);
    let missing = Topic::missing(k);
    let fetch = Fetch::from(&topic, 0);
    let mut request = fetch.request(v);
    request.topics.insert(0, Fetch::from(&missing, 0).topic(v));
    let answer = k.ask(v, &request);
    let mut found: Vec<_> = answer.responses.iter().map(|t| t.partitions[0].error_code).collect();
    found.sort();
    assert_eq!(found, [0, 3]);
});

conversation!(no_leader_epoch_is_right, [9, 12, 17], |k, v| {
    let topic = filled(k);
    let read = k.fetch(v, &Fetch::from(&topic, 0).in_epoch(-1)).expect("a fetch");
    assert_eq!(read.values().len(), 6);
});

conversation!(the_leader_epoch_at_hand_is_right, [9, 12, 17], |k, v| {
    let topic = filled(k);
    let epoch = k.described(12, &topic.name).partitions[0].leader_epoch;
    assert!(k.fetch(v, &Fetch::from(&topic, 0).in_epoch(epoch)).is_ok());
});

conversation!(a_later_leader_epoch_is_unknown, [9, 12, 17], |k, v| {
    let topic = filled(k);
    let answer = k.fetch(v, &Fetch::from(&topic, 0).in_epoch(5));
    assert_eq!(answer.err(), Some(UnknownLeaderEpoch));
});

conversation!(nothing_to_fetch_is_answered, [4, 7, 12], |k, v| {
    let topic = k.topic(1);
    let mut request = Fetch::from(&topic, 0).request(v);
    request.topics.clear();
    let answer = k.ask(v, &request);
    assert_eq!((answer.error_code, answer.responses.len()), (0, 0));
});
