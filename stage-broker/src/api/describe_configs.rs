//! DescribeConfigs: settings of topics and of the broker, and where each value is from.

use super::create_topics::Refusal;
use super::{Cx, code};
use crate::node::{NODE, Node};
use crate::settings::{self, Known};
use crate::topic::Topic;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

/// Kafka's numbers for what a resource is.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// Kafka's numbers for where a value is from.
const OF_TOPIC: i8 = 1;
const OF_BROKER: i8 = 4;
const DEFAULT: i8 = 5;

pub(super) async fn answer(
    cx: &mut Cx,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match describe(cx, &resource, request.include_synonyms) {
            Ok(configs) => result.with_configs(configs),
            Err((error, why)) => result
                .with_error_code(code(error))
                .with_error_message(Some(StrBytes::from_string(why))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe(
    cx: &Cx,
    resource: &DescribeConfigsResource,
    synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let wanted = |known: &Known| match &resource.configuration_keys {
        Some(keys) => keys.iter().any(|key| &**key == known.name),
        None => true,
    };
    match resource.resource_type {
        TOPIC => {
            let topic = topic(&cx.node, &resource.resource_name)?;
            let known = settings::TOPIC.iter().filter(|known| wanted(known));
            Ok(known.map(|known| of_topic(cx, &topic, known, synonyms)).collect())
        }
        BROKER => {
            check_broker(&resource.resource_name)?;
            let all = settings::all_of_broker();
            let known = all.into_iter().filter(|known| wanted(known));
            Ok(known.map(|known| of_broker(cx, &known, synonyms)).collect())
        }
        other => {
            Err((ResponseError::InvalidRequest, format!("Resource type {other} has no settings.")))
        }
    }
}

/// The topic of a resource.
pub(super) fn topic(node: &Node, name: &StrBytes) -> Result<std::rc::Rc<Topic>, Refusal> {
    let topic = node.topics.borrow().get(&TopicName(name.clone()));
    let why = || format!("The topic '{}' does not exist.", &**name);
    topic.ok_or_else(|| (ResponseError::UnknownTopicOrPartition, why()))
}

/// Whether the resource is this broker, or all brokers.
pub(super) fn check_broker(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name == NODE.to_string() {
        return Ok(());
    }
    let why = format!("Unexpected broker id, expected {NODE} or empty string, but received {name}");
    Err((ResponseError::InvalidRequest, why))
}

fn of_topic(
    cx: &Cx,
    topic: &Topic,
    known: &Known,
    synonyms: bool,
) -> DescribeConfigsResourceResult {
    let own = topic.configs.get(known.name).map(|value| (known.name, value.clone(), OF_TOPIC));
    let broker = cx.node.settings.borrow().get(known.broker).cloned();
    let broker = broker.map(|value| (known.broker, value, OF_BROKER));
    let default = Some((known.broker, known.default.to_owned(), DEFAULT));
    value(cx, known, [own, broker, default], synonyms, false)
}

fn of_broker(cx: &Cx, known: &Known, synonyms: bool) -> DescribeConfigsResourceResult {
    let given = cx.node.settings.borrow().get(known.name).cloned();
    let given = given.map(|value| (known.name, value, OF_BROKER));
    let default = Some((known.name, known.default.to_owned(), DEFAULT));
    value(cx, known, [given, default, None], synonyms, true)
}

/// A setting with the first of its values; the others are its synonyms.
fn value(
    cx: &Cx,
    known: &Known,
    values: [Option<(&'static str, String, i8)>; 3],
    synonyms: bool,
    broker: bool,
) -> DescribeConfigsResourceResult {
    let mut all = values.into_iter().flatten().map(|(name, value, source)| {
        DescribeConfigsSynonym::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
            .with_source(source)
    });
    let all: Vec<_> = all.by_ref().collect();
    let (value, source) =
        all.first().map_or((None, DEFAULT), |first| (first.value.clone(), first.source));
    let result = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(known.name))
        .with_value(value)
        .with_config_source(source)
        .with_read_only(broker && !settings::is_dynamic(known.name))
        .with_synonyms(if synonyms { all } else { Vec::new() });
    if cx.version >= 3 { result.with_config_type(known.type_code()) } else { result }
}
