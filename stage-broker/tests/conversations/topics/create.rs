//! CreateTopics: what is made, and what is refused.

use crate::ask::topic::{creatable, create, metadata};
use crate::said::{Said, said};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{
    InvalidConfig, InvalidPartitions, InvalidReplicaAssignment, InvalidReplicationFactor,
    InvalidRequest, InvalidTopicException, TopicAlreadyExists, UnknownTopicOrPartition,
};
use kafka_protocol::messages::BrokerId;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};

const VERSIONS: [i16; 4] = [2, 4, 5, 7];

fn answer(k: &mut Talk, version: i16, topic: CreatableTopic) -> Said {
    said(k.ask(version, &create(vec![topic])).topics[0].error_code)
}

fn is_unknown(k: &mut Talk, name: &str) {
    let found = k.described(9, name);
    assert_eq!(said(found.error_code), Err(UnknownTopicOrPartition));
}

conversation!(a_topic_is_made, VERSIONS, |k, v| {
    let name = k.name("topic");
    assert_eq!(answer(k, v, creatable(&name, 3, &[])), Ok(()));
    until("the topic", || (k.described(9, &name).partitions.len() == 3).then_some(()));
});

conversation!(a_topic_is_made_once, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let answer = k.ask(v, &create(vec![creatable(&topic.name, 1, &[])]));
    assert_eq!(said(answer.topics[0].error_code), Err(TopicAlreadyExists));
    assert!(answer.topics[0].error_message.as_ref().is_some_and(|text| !text.is_empty()));
});

conversation!(a_name_has_to_be_legal, VERSIONS, |k, v| {
    let long = "x".repeat(250);
    for name in ["", ".", "..", "no spaces", "a/b", "ä", &long] {
        assert_eq!(answer(k, v, creatable(name, 1, &[])), Err(InvalidTopicException), "{name}");
    }
});

conversation!(the_longest_name_is_legal, |k| {
    let mut name = k.name("a_Z.9-");
    name += &"x".repeat(249 - name.len());
    assert_eq!(answer(k, 7, creatable(&name, 1, &[])), Ok(()));
});

conversation!(dots_and_underscores_are_one_and_the_same, |k| {
    let name = k.name("a.b");
    assert_eq!(answer(k, 7, creatable(&name, 1, &[])), Ok(()));
    let other = name.replace('.', "_");
    assert_eq!(answer(k, 7, creatable(&other, 1, &[])), Err(InvalidTopicException));
});

conversation!(there_is_at_least_one_partition, VERSIONS, |k, v| {
    let name = k.name("topic");
    for partitions in [0, -2] {
        assert_eq!(answer(k, v, creatable(&name, partitions, &[])), Err(InvalidPartitions));
    }
    is_unknown(k, &name);
});

conversation!(the_broker_chooses_the_partitions, [4, 5, 7], |k, v| {
    let name = k.name("topic");
    let topic = creatable(&name, -1, &[]).with_replication_factor(-1);
    assert_eq!(answer(k, v, topic), Ok(()));
    until("the topic", || (!k.described(9, &name).partitions.is_empty()).then_some(()));
});

conversation!(there_are_no_more_replicas_than_brokers, VERSIONS, |k, v| {
    let name = k.name("topic");
    for factor in [0, -2, 5] {
        let topic = creatable(&name, 1, &[]).with_replication_factor(factor);
        assert_eq!(answer(k, v, topic), Err(InvalidReplicationFactor), "{factor}");
    }
    is_unknown(k, &name);
});

conversation!(a_topic_can_be_tried, VERSIONS, |k, v| {
    let name = k.name("topic");
    let request = create(vec![creatable(&name, 1, &[])]).with_validate_only(true);
    assert_eq!(said(k.ask(v, &request).topics[0].error_code), Ok(()));
    is_unknown(k, &name);
    let exists = k.topic(1);
    let request = create(vec![creatable(&exists.name, 1, &[])]).with_validate_only(true);
    assert_eq!(said(k.ask(v, &request).topics[0].error_code), Err(TopicAlreadyExists));
});

conversation!(a_setting_has_to_be_known, VERSIONS, |k, v| {
    let name = k.name("topic");
    let topic = creatable(&name, 1, &[("no.such.setting", "1")]);
    assert_eq!(answer(k, v, topic), Err(InvalidConfig));
    is_unknown(k, &name);
});

conversation!(a_setting_has_to_be_right, VERSIONS, |k, v| {
    let name = k.name("topic");
    for setting in [
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("cleanup.policy", "shred"),
        ("max.message.bytes", "-1"),
        ("message.timestamp.type", "Never"),
        ("compression.type", "shrink"),
        ("min.insync.replicas", "0"),
    ] {
        let topic = creatable(&name, 1, &[setting]);
        assert_eq!(answer(k, v, topic), Err(InvalidConfig), "{setting:?}");
    }
    is_unknown(k, &name);
});

conversation!(a_name_is_said_once, VERSIONS, |k, v| {
    let name = k.name("topic");
    let answer = k.ask(v, &create(vec![creatable(&name, 1, &[]), creatable(&name, 2, &[])]));
    let codes: Vec<_> = answer.topics.iter().map(|topic| said(topic.error_code)).collect();
    assert_eq!(codes, [Err(InvalidRequest)]);
    is_unknown(k, &name);
});

conversation!(one_bad_topic_does_not_spoil_another, VERSIONS, |k, v| {
    let name = k.name("topic");
    let exists = k.topic(1);
    let topics = vec![creatable(&exists.name, 1, &[]), creatable(&name, 1, &[])];
    let answer = k.ask(v, &create(topics));
    let code = |name: &str| {
        answer.topics.iter().find(|t| *t.name.0 == *name).expect("the topic").error_code
    };
    assert_eq!((code(&exists.name), code(&name)), (36, 0));
});

conversation!(what_was_made_is_answered, [5, 7], |k, v| {
    let name = k.name("topic");
    let topic = creatable(&name, 3, &[("retention.ms", "5000")]);
    let answer = k.ask(v, &create(vec![topic])).topics.remove(0);
    assert_eq!((answer.num_partitions, answer.replication_factor), (3, 1));
    let configs = answer.configs.expect("the settings");
    let retention = configs.iter().find(|config| &*config.name == "retention.ms");
    assert_eq!(retention.and_then(|config| config.value.as_deref()), Some("5000"));
    assert_eq!(v >= 7, !answer.topic_id.is_nil());
});

fn assigned(name: &str, brokers: &[i32]) -> CreatableTopic {
    let assignment = |(index, broker): (usize, &i32)| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index as i32)
            .with_broker_ids(vec![BrokerId(*broker)])
    };
    let assignments = brokers.iter().enumerate().map(assignment).collect();
    let topic = creatable(name, -1, &[]).with_replication_factor(-1);
    topic.with_assignments(assignments)
}

conversation!(replicas_can_be_assigned, VERSIONS, |k, v| {
    let name = k.name("topic");
    let broker = k.ask(1, &metadata(&[])).brokers[0].node_id.0;
    assert_eq!(answer(k, v, assigned(&name, &[broker, broker])), Ok(()));
    until("the topic", || (k.described(9, &name).partitions.len() == 2).then_some(()));
});

conversation!(replicas_are_assigned_to_brokers, VERSIONS, |k, v| {
    let name = k.name("topic");
    assert_eq!(answer(k, v, assigned(&name, &[77])), Err(InvalidReplicaAssignment));
    is_unknown(k, &name);
});

conversation!(replicas_are_assigned_or_counted, VERSIONS, |k, v| {
    let name = k.name("topic");
    let both = assigned(&name, &[1]).with_num_partitions(1);
    assert_eq!(answer(k, v, both), Err(InvalidRequest));
    is_unknown(k, &name);
});
