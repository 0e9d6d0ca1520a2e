//! Metadata: the one broker, and the topics asked for; a missing one may be made.

use super::create_topics::auto_create;
use super::{Cx, code};
use crate::node::NODE;
use crate::topic::{Topic, check_name};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

/// Everything one may do with a topic, and with the cluster, as bits: there is no authorization.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

pub(super) async fn answer(cx: &mut Cx, request: MetadataRequest) -> MetadataResponse {
    let all = match &request.topics {
        None => true,
        Some(topics) => cx.version == 0 && topics.is_empty(),
    };
    let operations = request.include_topic_authorized_operations && cx.version >= 8;
    let topics = if all {
        let topics = cx.node.topics.borrow();
        topics.iter().map(|topic| describe(topic, operations)).collect()
    } else {
        let create = request.allow_auto_topic_creation || cx.version < 4;
        let asked = request.topics.unwrap_or_default();
        asked.into_iter().map(|topic| one(cx, topic, create, operations)).collect()
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE))
        .with_host(cx.host.clone())
        .with_port(cx.port);
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_string(cx.node.cluster.clone())))
        .with_controller_id(BrokerId(NODE))
        .with_topics(topics);
    if request.include_cluster_authorized_operations && (8..=10).contains(&cx.version) {
        response.with_cluster_authorized_operations(CLUSTER_OPERATIONS)
    } else {
        response
    }
}

fn one(
    cx: &Cx,
    asked: MetadataRequestTopic,
    create: bool,
    operations: bool,
) -> MetadataResponseTopic {
    let Some(name) = asked.name else {
        let found = cx.node.topics.borrow().by_id(asked.topic_id);
        return match found {
            Some(topic) => describe(&topic, operations),
            None => unknown(None, ResponseError::UnknownTopicId).with_topic_id(asked.topic_id),
        };
    };
    if let Some(topic) = cx.node.topics.borrow().get(&name) {
        return describe(&topic, operations);
    }
    if check_name(&name).is_err() {
        return unknown(Some(name), ResponseError::InvalidTopicException);
    }
    if create && cx.node.flag("auto.create.topics.enable") {
        return match auto_create(cx, &name) {
            Ok(topic) => describe(&topic, operations),
            Err(error) => unknown(Some(name), error),
        };
    }
    unknown(Some(name), ResponseError::UnknownTopicOrPartition)
}

fn describe(topic: &Topic, operations: bool) -> MetadataResponseTopic {
    let node = || vec![BrokerId(NODE)];
    let partitions = topic.partitions.iter().map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(partition.index)
            .with_leader_id(BrokerId(NODE))
            .with_leader_epoch(0)
            .with_replica_nodes(node())
            .with_isr_nodes(node())
    });
    let described = MetadataResponseTopic::default()
        .with_name(Some(topic.name.clone()))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect());
    if operations {
        described.with_topic_authorized_operations(TOPIC_OPERATIONS)
    } else {
        described
    }
}

fn unknown(name: Option<TopicName>, error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default().with_name(name).with_error_code(code(error))
}
