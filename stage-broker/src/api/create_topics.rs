//! CreateTopics: each is checked by itself, and made or refused.

use super::twice::named_twice;
use super::{Cx, code};
use crate::node::{NODE, Node};
use crate::settings;
use crate::topic::{self, Topic, check_name, collides};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Why a topic is refused, for programs and for people.
pub(super) type Refusal = (ResponseError, String);

pub(super) async fn answer(cx: &mut Cx, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let twice = named_twice(request.topics.iter().map(|topic| topic.name.clone()));
    let why = "Duplicate topic in request.";
    let again = |name: &TopicName| refused(name, (ResponseError::InvalidRequest, why.to_owned()));
    let mut results: Vec<_> = twice.iter().map(again).collect();
    for asked in request.topics.into_iter().filter(|topic| !twice.contains(&topic.name)) {
        let name = asked.name.clone();
        let made = create(&cx.node, asked, request.validate_only);
        results.push(made.unwrap_or_else(|why| refused(&name, why)));
    }
    if cx.node.flush.settled().await.is_err() {
        for result in results.iter_mut().filter(|result| result.error_code == 0) {
            result.error_code = code(ResponseError::KafkaStorageError);
        }
    }
    CreateTopicsResponse::default().with_topics(results)
}

fn refused(name: &TopicName, (error, why): Refusal) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(name.clone())
        .with_error_code(code(error))
        .with_error_message(Some(StrBytes::from_string(why)))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(None)
}

fn create(node: &Node, asked: CreatableTopic, dry: bool) -> Result<CreatableTopicResult, Refusal> {
    check_new_name(node, &asked.name)?;
    let partitions = partitions(node, &asked)?;
    let mut configs = BTreeMap::new();
    for config in &asked.configs {
        let value = config.value.as_deref().map(ToOwned::to_owned);
        configs.insert(config.name.to_string(), check_config(&config.name, value)?);
    }
    check_room(node, partitions)?;
    let effective = settings::TOPIC.iter().map(|known| {
        let value = topic::effective(known.name, &configs, &node.settings.borrow());
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(known.name))
            .with_value(value.map(StrBytes::from_string))
            .with_config_source(if configs.contains_key(known.name) { 1 } else { 5 })
    });
    let result = CreatableTopicResult::default()
        .with_name(asked.name.clone())
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(effective.collect()));
    if dry {
        return Ok(result);
    }
    let made = node.create_topic(&asked.name, partitions, configs).map_err(storage)?;
    Ok(result.with_topic_id(made.id))
}

/// A topic that somebody asked for, with the broker's defaults.
pub(super) fn auto_create(cx: &Cx, name: &TopicName) -> Result<Rc<Topic>, ResponseError> {
    let partitions = cx.node.number("num.partitions") as i32;
    check_new_name(&cx.node, name)
        .and_then(|()| check_room(&cx.node, partitions))
        .and_then(|()| cx.node.create_topic(name, partitions, BTreeMap::new()).map_err(storage))
        .map_err(|(error, _)| error)
}

fn check_new_name(node: &Node, name: &TopicName) -> Result<(), Refusal> {
    check_name(name).map_err(|why| (ResponseError::InvalidTopicException, why))?;
    let topics = node.topics.borrow();
    if topics.get(name).is_some() {
        let why = format!("Topic '{}' already exists.", &**name);
        return Err((ResponseError::TopicAlreadyExists, why));
    }
    match topics.iter().find(|other| collides(&other.name, name)) {
        Some(other) => Err((
            ResponseError::InvalidTopicException,
            format!("Topic '{}' collides with existing topic: {}", &**name, &*other.name),
        )),
        None => Ok(()),
    }
}

/// How many partitions are asked for, on which brokers.
fn partitions(node: &Node, asked: &CreatableTopic) -> Result<i32, Refusal> {
    let refuse = |error, why: &str| Err((error, why.to_owned()));
    if !asked.assignments.is_empty() {
        if asked.num_partitions != -1 || asked.replication_factor != -1 {
            let why = "Both partitions or replication factor and assignments are given.";
            return refuse(ResponseError::InvalidRequest, why);
        }
        let mut indexes: Vec<_> = asked.assignments.iter().map(|a| a.partition_index).collect();
        indexes.sort_unstable();
        if indexes.iter().enumerate().any(|(n, index)| n as i32 != *index) {
            let why = "The partitions of the assignment are not consecutive from 0.";
            return refuse(ResponseError::InvalidReplicaAssignment, why);
        }
        if asked.assignments.iter().any(|a| a.broker_ids.len() != 1 || a.broker_ids[0] != NODE) {
            let why = "There is one broker, and its id is 1.";
            return refuse(ResponseError::InvalidReplicaAssignment, why);
        }
        return Ok(indexes.len() as i32);
    }
    if !matches!(asked.replication_factor, -1 | 1) {
        let error = ResponseError::InvalidReplicationFactor;
        if asked.replication_factor < 1 {
            return refuse(error, "Replication factor must be larger than 0, or -1.");
        }
        let factor = asked.replication_factor;
        return Err((
            error,
            format!("Replication factor {factor} is more than 1 broker can hold."),
        ));
    }
    match asked.num_partitions {
        -1 => Ok(node.number("num.partitions") as i32),
        count if count > 0 => Ok(count),
        _ => {
            let why = "Number of partitions was set to an invalid non-positive value.";
            refuse(ResponseError::InvalidPartitions, why)
        }
    }
}

/// Whether there may be that many more partitions.
pub(super) fn check_room(node: &Node, more: i32) -> Result<(), Refusal> {
    let limit = node.size("max.topic.partitions");
    if node.topics.borrow().partitions() + more as usize > limit {
        let why = format!("There may be {limit} partitions in all (max.topic.partitions).");
        return Err((ResponseError::PolicyViolation, why));
    }
    Ok(())
}

/// The value of a topic's setting, checked.
pub(super) fn check_config(name: &str, value: Option<String>) -> Result<String, Refusal> {
    let refuse = |why| (ResponseError::InvalidConfig, why);
    let known = settings::topic(name)
        .ok_or_else(|| refuse(format!("Unknown topic config name: {name}")))?;
    let value = value
        .ok_or_else(|| refuse(format!("Null value not supported for topic configs: {name}")))?;
    known.check(&value).map_err(refuse)?;
    Ok(value)
}

/// The disk refused.
pub(super) fn storage(error: std::io::Error) -> Refusal {
    tracing::error!(%error, "the disk did not take a change");
    (ResponseError::KafkaStorageError, error.to_string())
}
