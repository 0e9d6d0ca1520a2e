//! DescribeCluster and DescribeLogDirs: who is there, and what lies where.

use crate::ask::topic::{Topic, metadata};
use crate::batch::Batch;
use crate::said::{said, topic_name};
use crate::talk::Talk;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeLogDirsRequest};

conversation!(the_cluster_is_described, [0, 1, 2], |k, v| {
    let answer = k.ask(v, &DescribeClusterRequest::default());
    let known = k.ask(9, &metadata(&[]));
    assert_eq!(said(answer.error_code), Ok(()));
    assert_eq!(Some(answer.cluster_id), known.cluster_id);
    let brokers: Vec<_> =
        answer.brokers.iter().map(|b| (b.broker_id, b.host.clone(), b.port)).collect();
    let wanted: Vec<_> =
        known.brokers.iter().map(|b| (b.node_id, b.host.clone(), b.port)).collect();
    assert_eq!(brokers, wanted);
    assert_eq!(answer.controller_id, known.controller_id);
});

conversation!(operations_are_told_if_asked_for, [0, 1, 2], |k, v| {
    let answer = k.ask(v, &DescribeClusterRequest::default());
    assert_eq!(answer.cluster_authorized_operations, i32::MIN);
});

/// The partitions of a topic in all directories.
fn partitions(
    k: &mut Talk,
    v: i16,
    topics: Option<&[&Topic]>,
) -> Vec<(String, DescribeLogDirsPartition)> {
    let topics = topics.map(|topics| {
        let topic = |topic: &&Topic| {
            DescribableLogDirTopic::default()
                .with_topic(topic_name(&topic.name))
                .with_partitions(vec![0, 1])
        };
        topics.iter().map(topic).collect()
    });
    let answer = k.ask(v, &DescribeLogDirsRequest::default().with_topics(topics));
    assert_eq!(said(answer.error_code), Ok(()));
    let mut found = Vec::new();
    for directory in &answer.results {
        assert_eq!(said(directory.error_code), Ok(()));
        assert!(!directory.log_dir.is_empty());
        for topic in &directory.topics {
            let name = topic.name.to_string();
            found.extend(topic.partitions.iter().map(|p| (name.clone(), p.clone())));
        }
    }
    found
}

conversation!(a_partition_has_a_size, [1, 3, 4], |k, v| {
    let topic = k.topic(1);
    let batch = Batch::of(&["a", "b"]).bytes();
    k.produce(9, &topic, batch.clone()).expect("an offset");
    let found = partitions(k, v, Some(&[&topic]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.partition_size, batch.len() as i64);
    assert_eq!((found[0].1.offset_lag, found[0].1.is_future_key), (0, false));
});

conversation!(all_partitions_are_listed, [1, 4], |k, v| {
    let topic = k.topic(2);
    let found = partitions(k, v, None);
    assert_eq!(found.iter().filter(|(name, _)| *name == topic.name).count(), 2);
});

conversation!(an_unknown_topic_lies_nowhere, [1, 4], |k, v| {
    let missing = Topic::missing(k);
    assert!(partitions(k, v, Some(&[&missing])).is_empty());
});
