//! DeleteRecords: a partition starts later from then on.

use crate::ask::fetch::{Fetch, VERSIONS as FETCHES};
use crate::ask::topic::{Place, Topic};
use crate::batch::Batch;
use crate::said::{Said, said, topic_name};
use crate::talk::Talk;
use kafka_protocol::ResponseError::{OffsetOutOfRange, PolicyViolation, UnknownTopicOrPartition};
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};

const VERSIONS: [i16; 3] = [0, 1, 2];

/// The offset that it starts at now.
fn delete(k: &mut Talk, v: i16, place: impl Into<Place>, offset: i64) -> Said<i64> {
    let place = place.into();
    let partition =
        DeleteRecordsPartition::default().with_partition_index(place.partition).with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let answer = k.ask(v, &request);
    let found = &answer.topics[0].partitions[0];
    said(found.error_code).map(|()| found.low_watermark)
}

fn filled(k: &mut Talk) -> Topic {
    let topic = k.topic(1);
    for values in [["a", "b"], ["c", "d"]] {
        k.produce(9, &topic, Batch::of(&values)).expect("an offset");
    }
    topic
}

conversation!(records_below_an_offset_are_deleted, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(delete(k, v, &topic, 2), Ok(2));
    assert_eq!(k.listed(4, &topic, -2), Ok((-1, 2)));
    assert_eq!(k.fetch(12, &Fetch::from(&topic, 2)).expect("a fetch").values(), ["c", "d"]);
});

conversation!(below_the_start_is_out_of_range, FETCHES, |k, v| {
    let topic = filled(k);
    assert_eq!(delete(k, 2, &topic, 3), Ok(3));
    let answer = k.fetch(v, &Fetch::from(&topic, 2));
    assert_eq!(answer.err(), Some(OffsetOutOfRange));
    let read = k.fetch(v, &Fetch::from(&topic, 3)).expect("a fetch");
    assert_eq!(read.batches[0].base_offset, 2);
});

conversation!(the_new_start_is_said_by_produce_and_fetch, |k| {
    let topic = filled(k);
    assert_eq!(delete(k, 2, &topic, 3), Ok(3));
    assert_eq!(k.produced(9, &topic, Batch::of(&["e"])).log_start_offset, 3);
    assert_eq!(k.fetch(12, &Fetch::from(&topic, 3)).expect("a fetch").log_start, 3);
});

conversation!(minus_one_deletes_everything, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(delete(k, v, &topic, -1), Ok(4));
    assert_eq!(k.listed(4, &topic, -2), Ok((-1, 4)));
    assert_eq!(k.produce(9, &topic, Batch::of(&["e"])), Ok(4));
});

conversation!(what_is_deleted_stays_deleted, |k| {
    let topic = filled(k);
    assert_eq!(delete(k, 2, &topic, 3), Ok(3));
    assert_eq!(delete(k, 2, &topic, 1), Ok(3));
});

conversation!(beyond_the_end_cannot_be_deleted, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(delete(k, v, &topic, 5), Err(OffsetOutOfRange));
    assert_eq!(delete(k, v, &topic, -2), Err(OffsetOutOfRange));
    assert_eq!(k.listed(4, &topic, -2), Ok((-1, 0)));
});

conversation!(an_unknown_partition_cannot_be_deleted_from, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(delete(k, v, &missing, 0), Err(UnknownTopicOrPartition));
    let topic = k.topic(1);
    assert_eq!(delete(k, v, (&topic, 4), 0), Err(UnknownTopicOrPartition));
});

conversation!(a_topic_that_is_only_compacted_keeps_its_records, |k| {
    let topic = k.topic_with(1, &[("cleanup.policy", "compact")]);
    let record = [(Some("key"), Some("value"))];
    k.produce(9, &topic, Batch::keyed(&record)).expect("an offset");
    assert_eq!(delete(k, 2, &topic, 1), Err(PolicyViolation));
});
