//! CreatePartitions: more of them, never fewer.

use crate::ask::topic::{Topic, metadata};
use crate::batch::Batch;
use crate::said::{Said, said, topic_name};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{
    InvalidPartitions, InvalidReplicaAssignment, InvalidRequest, UnknownTopicOrPartition,
};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::{BrokerId, CreatePartitionsRequest};

const VERSIONS: [i16; 4] = [0, 1, 2, 3];

fn more(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default()
        .with_name(topic_name(name))
        .with_count(count)
        .with_assignments(None)
}

fn request(topics: Vec<CreatePartitionsTopic>) -> CreatePartitionsRequest {
    CreatePartitionsRequest::default().with_topics(topics).with_timeout_ms(10_000)
}

fn answer(k: &mut Talk, version: i16, topic: CreatePartitionsTopic) -> Said {
    said(k.ask(version, &request(vec![topic])).results[0].error_code)
}

fn count(k: &mut Talk, topic: &Topic) -> usize {
    k.described(9, &topic.name).partitions.len()
}

conversation!(partitions_are_added, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(answer(k, v, more(&topic.name, 3)), Ok(()));
    until("the partitions", || (count(k, &topic) == 3).then_some(()));
    until("a leader", || k.produce(9, (&topic, 2), Batch::of(&["a"])).ok());
});

conversation!(records_stay_where_they_are, |k| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    assert_eq!(answer(k, 3, more(&topic.name, 2)), Ok(()));
    assert_eq!(k.values(&topic), ["a"]);
});

conversation!(partitions_do_not_become_fewer, VERSIONS, |k, v| {
    let topic = k.topic(3);
    for partitions in [2, 3, 0, -1] {
        let said = answer(k, v, more(&topic.name, partitions));
        assert_eq!(said, Err(InvalidPartitions), "{partitions}");
    }
    assert_eq!(count(k, &topic), 3);
});

conversation!(an_unknown_topic_gets_no_partitions, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(answer(k, v, more(&missing.name, 2)), Err(UnknownTopicOrPartition));
});

conversation!(partitions_can_be_tried, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let request = request(vec![more(&topic.name, 4)]).with_validate_only(true);
    assert_eq!(said(k.ask(v, &request).results[0].error_code), Ok(()));
    assert_eq!(count(k, &topic), 1);
});

conversation!(new_partitions_can_be_assigned, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let broker = k.ask(1, &metadata(&[])).brokers[0].node_id;
    let on = |id| CreatePartitionsAssignment::default().with_broker_ids(vec![id]);
    let wrong = more(&topic.name, 2).with_assignments(Some(vec![on(BrokerId(77))]));
    assert_eq!(answer(k, v, wrong), Err(InvalidReplicaAssignment));
    let many = more(&topic.name, 2).with_assignments(Some(vec![on(broker), on(broker)]));
    assert_eq!(answer(k, v, many), Err(InvalidReplicaAssignment));
    let right = more(&topic.name, 2).with_assignments(Some(vec![on(broker)]));
    assert_eq!(answer(k, v, right), Ok(()));
    until("the partitions", || (count(k, &topic) == 2).then_some(()));
});

conversation!(a_topic_is_said_once, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let twice = request(vec![more(&topic.name, 2), more(&topic.name, 3)]);
    let answer = k.ask(v, &twice);
    let codes: Vec<_> = answer.results.iter().map(|topic| said(topic.error_code)).collect();
    assert_eq!(codes, [Err(InvalidRequest)]);
    assert_eq!(count(k, &topic), 1);
});
