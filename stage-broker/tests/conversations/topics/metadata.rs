//! Metadata: of all topics, of some, by name and by id.

use crate::ask::topic::{Topic, metadata};
use crate::said::{said, topic_name};
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    InvalidTopicException, UnknownTopicId, UnknownTopicOrPartition,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use uuid::Uuid;

const VERSIONS: [i16; 5] = [1, 4, 7, 9, 12];

fn of_all(version: i16) -> MetadataRequest {
    let topics = if version == 0 { Some(vec![]) } else { None };
    MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(true)
}

fn names(answer: &MetadataResponse) -> Vec<String> {
    answer.topics.iter().filter_map(|topic| topic.name.as_ref()).map(|n| n.to_string()).collect()
}

conversation!(a_topic_has_partitions_and_leaders, [0, 1, 4, 7, 9, 12], |k, v| {
    let topic = k.topic(3);
    let found = k.described(v, &topic.name);
    assert_eq!((said(found.error_code), found.is_internal), (Ok(()), false));
    let broker = k.ask(1, &metadata(&[])).brokers[0].node_id;
    let mut partitions = found.partitions;
    partitions.sort_by_key(|partition| partition.partition_index);
    for (index, partition) in partitions.iter().enumerate() {
        assert_eq!((partition.partition_index, partition.leader_id), (index as i32, broker));
        assert_eq!(
            (&partition.replica_nodes, &partition.isr_nodes),
            (&vec![broker], &vec![broker])
        );
        assert_eq!((partition.error_code, partition.offline_replicas.len()), (0, 0));
    }
    assert_eq!(partitions.len(), 3);
});

conversation!(all_topics_are_listed, [0, 1, 5, 12], |k, v| {
    let (one, other) = (k.topic(1), k.topic(1));
    let found = names(&k.ask(v, &of_all(v)));
    assert!(found.contains(&one.name) && found.contains(&other.name));
});

conversation!(no_topics_are_asked_for, VERSIONS, |k, v| {
    k.topic(1);
    let answer = k.ask(v, &metadata(&[]));
    assert_eq!(answer.topics.len(), 0);
    assert!(!answer.brokers.is_empty());
});

conversation!(some_topics_are_asked_for, VERSIONS, |k, v| {
    let (one, other) = (k.topic(1), k.topic(2));
    k.topic(1);
    let mut found = names(&k.ask(v, &metadata(&[&one.name, &other.name])));
    found.sort();
    let mut wanted = [one.name, other.name];
    wanted.sort();
    assert_eq!(found, wanted);
});

conversation!(the_broker_is_where_it_was_found, VERSIONS, |k, v| {
    let answer = k.ask(v, &metadata(&[]));
    let broker = &answer.brokers[0];
    assert_eq!(&*broker.host, "127.0.0.1");
    let address = format!("{}:{}", &*broker.host, broker.port);
    assert!(!crate::line::Line::open(&address).ask(1, &metadata(&[])).brokers.is_empty());
    assert_eq!(answer.controller_id, broker.node_id);
});

conversation!(the_cluster_has_an_id, [2, 7, 12], |k, v| {
    let id = k.ask(v, &metadata(&[])).cluster_id.expect("an id");
    assert!(!id.is_empty());
    assert_eq!(k.ask(v, &metadata(&[])).cluster_id, Some(id));
});

conversation!(an_unknown_topic_stays_unknown, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    let found = k.described(v, &missing.name);
    assert_eq!(said(found.error_code), Err(UnknownTopicOrPartition));
    assert_eq!(found.partitions.len(), 0);
    assert_eq!(found.name, Some(topic_name(&missing.name)));
    let found = k.described(v, &missing.name);
    assert_eq!(said(found.error_code), Err(UnknownTopicOrPartition));
});

conversation!(a_topic_may_be_asked_for_and_not_be_made, [4, 12], |k, v| {
    let missing = Topic::missing(k);
    let request = metadata(&[&missing.name]).with_allow_auto_topic_creation(false);
    let answer = k.ask(v, &request);
    assert_eq!(said(answer.topics[0].error_code), Err(UnknownTopicOrPartition));
});

conversation!(a_name_that_cannot_be_is_invalid, VERSIONS, |k, v| {
    for name in ["no spaces", "..", "", "a/b"] {
        let found = k.described(v, name);
        assert_eq!(said(found.error_code), Err(InvalidTopicException), "{name}");
    }
});

fn by_id(k: &mut Talk, version: i16, id: Uuid) -> MetadataResponse {
    let topic = MetadataRequestTopic::default().with_topic_id(id).with_name(None);
    k.ask(version, &MetadataRequest::default().with_topics(Some(vec![topic])))
}

conversation!(a_topic_is_found_by_id, [12, 13], |k, v| {
    let topic = k.topic(2);
    let found = by_id(k, v, topic.id).topics.remove(0);
    assert_eq!((said(found.error_code), found.topic_id), (Ok(()), topic.id));
    assert_eq!(found.name, Some(topic_name(&topic.name)));
    assert_eq!(found.partitions.len(), 2);
});

conversation!(an_unknown_id_is_not_found, [12, 13], |k, v| {
    let found = by_id(k, v, Uuid::new_v4()).topics.remove(0);
    assert_eq!((said(found.error_code), found.name), (Err(UnknownTopicId), None));
});

conversation!(the_id_comes_with_the_name, [10, 12], |k, v| {
    let topic = k.topic(1);
    assert_eq!(k.described(v, &topic.name).topic_id, topic.id);
});

conversation!(known_and_unknown_topics_are_answered_together, VERSIONS, |k, v| {
    let (topic, missing) = (k.topic(1), Topic::missing(k));
    let answer = k.ask(v, &metadata(&[&topic.name, &missing.name]));
    let mut codes: Vec<_> = answer.topics.iter().map(|topic| topic.error_code).collect();
    codes.sort();
    assert_eq!(codes, [0, 3]);
});

conversation!(the_topic_of_the_offsets_is_internal, |k| {
    k.group();
    let found = k.described(9, "__consumer_offsets");
    assert_eq!((said(found.error_code), found.is_internal), (Ok(()), true));
});
