//! ListOffsets: the ends, timestamps, and the greatest timestamp.

use crate::ask::topic::{Topic, list_offsets};
use crate::batch::Batch;
use crate::said::said;
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    FencedLeaderEpoch, UnknownLeaderEpoch, UnknownTopicOrPartition, UnsupportedVersion,
};

const VERSIONS: [i16; 4] = [1, 4, 7, 10];
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
const GREATEST: i64 = -3;

/// Records at 1000, 2000, 3000, and 1500, 2500: offsets 0 to 4.
fn filled(k: &mut Talk) -> Topic {
    let topic = k.topic_with(1, &[("retention.ms", "-1")]);
    k.produce(9, &topic, Batch::of(&["a", "b", "c"]).at(1000, 1000)).expect("an offset");
    k.produce(9, &topic, Batch::of(&["d", "e"]).at(1500, 1000)).expect("an offset");
    topic
}

conversation!(an_empty_partition_has_two_ends, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.listed(v, &topic, EARLIEST), Ok((-1, 0)));
    assert_eq!(k.listed(v, &topic, LATEST), Ok((-1, 0)));
    assert_eq!(k.listed(v, &topic, 0), Ok((-1, -1)));
});

conversation!(the_ends_are_found, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(k.listed(v, &topic, EARLIEST), Ok((-1, 0)));
    assert_eq!(k.listed(v, &topic, LATEST), Ok((-1, 5)));
});

conversation!(a_timestamp_finds_the_first_record_not_before_it, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(k.listed(v, &topic, 0), Ok((1000, 0)));
    assert_eq!(k.listed(v, &topic, 1000), Ok((1000, 0)));
    assert_eq!(k.listed(v, &topic, 1001), Ok((2000, 1)));
    assert_eq!(k.listed(v, &topic, 2500), Ok((3000, 2)));
    assert_eq!(k.listed(v, &topic, 3000), Ok((3000, 2)));
});

conversation!(a_timestamp_beyond_the_last_finds_nothing, VERSIONS, |k, v| {
    let topic = filled(k);
    assert_eq!(k.listed(v, &topic, 3001), Ok((-1, -1)));
});

conversation!(the_greatest_timestamp_is_found, [7, 8, 10], |k, v| {
    let topic = filled(k);
    assert_eq!(k.listed(v, &topic, GREATEST), Ok((3000, 2)));
});

conversation!(an_empty_partition_has_no_greatest_timestamp, [7, 10], |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.listed(v, &topic, GREATEST), Ok((-1, -1)));
});

conversation!(the_greatest_timestamp_needs_a_newer_version, |k| {
    let topic = filled(k);
    assert_eq!(k.listed(6, &topic, GREATEST), Err(UnsupportedVersion));
});

conversation!(an_unknown_partition_is_unknown, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(k.listed(v, &missing, LATEST), Err(UnknownTopicOrPartition));
    let topic = k.topic(1);
    assert_eq!(k.listed(v, (&topic, 3), LATEST), Err(UnknownTopicOrPartition));
});

conversation!(the_latest_committed_is_the_last_stable_offset, [2, 5, 10], |k, v| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["before"])).expect("an offset");
    let (transaction, _) = k.open(&topic, &["open"]);
    let committed = list_offsets(&topic, LATEST).with_isolation_level(1);
    assert_eq!(k.ask(v, &committed).topics[0].partitions[0].offset, 1);
    assert_eq!(k.listed(v, &topic, LATEST), Ok((-1, 2)));
    k.finish(&transaction, true);
    assert_eq!(k.ask(v, &committed).topics[0].partitions[0].offset, 3);
});

conversation!(a_timestamp_of_an_open_transaction_is_not_committed, [2, 5, 10], |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["open"]);
    let committed = list_offsets(&topic, 1).with_isolation_level(1);
    assert_eq!(k.ask(v, &committed).topics[0].partitions[0].offset, -1);
    k.finish(&transaction, true);
    assert_eq!(k.ask(v, &committed).topics[0].partitions[0].offset, 0);
});

conversation!(the_leader_epoch_comes_with_the_offset, [4, 7, 10], |k, v| {
    let topic = filled(k);
    for timestamp in [EARLIEST, LATEST, 1000] {
        let answer = k.ask(v, &list_offsets(&topic, timestamp));
        assert_eq!(answer.topics[0].partitions[0].leader_epoch, 0, "{timestamp}");
    }
});

conversation!(a_later_leader_epoch_is_unknown, [4, 10], |k, v| {
    let topic = filled(k);
    let mut request = list_offsets(&topic, LATEST);
    request.topics[0].partitions[0].current_leader_epoch = 7;
    let answer = k.ask(v, &request);
    let code = answer.topics[0].partitions[0].error_code;
    assert_eq!(said(code), Err(UnknownLeaderEpoch));
    request.topics[0].partitions[0].current_leader_epoch = -2;
    let answer = k.ask(v, &request);
    let code = answer.topics[0].partitions[0].error_code;
    assert_eq!(said(code), Err(FencedLeaderEpoch));
});

conversation!(a_partition_asked_for_twice_is_refused, |k| {
    let topic = filled(k);
    let mut request = list_offsets(&topic, LATEST);
    let again = request.topics[0].partitions[0].clone();
    request.topics[0].partitions.push(again);
    let answer = k.ask(7, &request);
    let codes: Vec<_> = answer.topics[0].partitions.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [42]);
});

conversation!(the_earliest_local_offset_is_the_earliest, [8, 10], |k, v| {
    let topic = filled(k);
    assert_eq!(k.listed(v, &topic, -4), Ok((-1, 0)));
});
