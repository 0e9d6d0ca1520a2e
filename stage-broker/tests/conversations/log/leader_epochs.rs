//! OffsetForLeaderEpoch: where an epoch of a leader ended.

use crate::ask::topic::{Place, Topic};
use crate::batch::Batch;
use crate::said::{CLIENT, Said, said, topic_name};
use crate::talk::Talk;
use kafka_protocol::ResponseError::{UnknownLeaderEpoch, UnknownTopicOrPartition};
use kafka_protocol::messages::OffsetForLeaderEpochRequest;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};

/// Epoch and end of it, for one who knows this epoch of the leader.
fn end(
    k: &mut Talk,
    v: i16,
    place: impl Into<Place>,
    current: i32,
    epoch: i32,
) -> Said<(i32, i64)> {
    let place = place.into();
    let partition = OffsetForLeaderPartition::default()
        .with_partition(place.partition)
        .with_current_leader_epoch(current)
        .with_leader_epoch(epoch);
    let topic = OffsetForLeaderTopic::default()
        .with_topic(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    let mut request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    if v >= 3 {
        request.replica_id = CLIENT;
    }
    let answer = k.ask(v, &request);
    let found = &answer.topics[0].partitions[0];
    said(found.error_code).map(|()| (found.leader_epoch, found.end_offset))
}

conversation!(the_epoch_at_hand_ends_at_the_end, [2, 3, 4], |k, v| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["a", "b"])).expect("an offset");
    assert_eq!(end(k, v, &topic, -1, 0), Ok((0, 2)));
    assert_eq!(end(k, v, &topic, 0, 0), Ok((0, 2)));
});

conversation!(an_epoch_that_never_was_has_no_end, [2, 3, 4], |k, v| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    assert_eq!(end(k, v, &topic, -1, 5), Ok((-1, -1)));
});

conversation!(a_later_leader_is_unknown, [2, 3, 4], |k, v| {
    let topic = k.topic(1);
    assert_eq!(end(k, v, &topic, 9, 0), Err(UnknownLeaderEpoch));
});

conversation!(an_unknown_partition_has_no_epochs, [2, 3, 4], |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(end(k, v, &missing, -1, 0), Err(UnknownTopicOrPartition));
});

conversation!(an_empty_partition_ends_at_its_start, |k| {
    let topic = k.topic(1);
    assert_eq!(end(k, 4, &topic, -1, 0), Ok((0, 0)));
});
