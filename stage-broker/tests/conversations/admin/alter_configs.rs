//! AlterConfigs and IncrementalAlterConfigs: settings of topics.

use crate::ask::config::TOPIC;
use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::said::{Said, said, text};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{
    InvalidConfig, InvalidRequest, MessageTooLarge, UnknownTopicOrPartition,
};
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, IncrementalAlterConfigsRequest, incremental_alter_configs_request as step,
};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// One change of one setting.
fn change(
    topic: &Topic,
    operation: i8,
    name: &str,
    value: Option<&str>,
) -> IncrementalAlterConfigsRequest {
    let config = step::AlterableConfig::default()
        .with_name(text(name))
        .with_config_operation(operation)
        .with_value(value.map(text));
    let resource = step::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(&topic.name))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

fn changed(k: &mut Talk, v: i16, request: &IncrementalAlterConfigsRequest) -> Said {
    said(k.ask(v, request).responses[0].error_code)
}

/// All settings of a topic, the way it was done first.
fn replace(topic: &Topic, configs: &[(&str, &str)]) -> AlterConfigsRequest {
    let config = |(name, value): &(&str, &str)| {
        AlterableConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(&topic.name))
        .with_configs(configs.iter().map(config).collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

fn until_value(k: &mut Talk, topic: &Topic, name: &str, value: &str, of_the_topic: bool) {
    let wanted = (value.to_owned(), of_the_topic);
    until(&format!("{name} {wanted:?}"), || (k.value(topic, name) == wanted).then_some(()));
}

conversation!(a_setting_is_set, [0, 1], |k, v| {
    let topic = k.topic(1);
    assert_eq!(changed(k, v, &change(&topic, SET, "retention.ms", Some("9000"))), Ok(()));
    until_value(k, &topic, "retention.ms", "9000", true);
});

conversation!(a_setting_is_taken_back, [0, 1], |k, v| {
    let topic = k.topic_with(1, &[("retention.ms", "9000"), ("segment.ms", "8000")]);
    assert_eq!(changed(k, v, &change(&topic, DELETE, "retention.ms", None)), Ok(()));
    until_value(k, &topic, "retention.ms", "604800000", false);
    until_value(k, &topic, "segment.ms", "8000", true);
});

conversation!(a_list_gets_longer_and_shorter, [0, 1], |k, v| {
    let topic = k.topic(1);
    let policy = "cleanup.policy";
    assert_eq!(changed(k, v, &change(&topic, APPEND, policy, Some("compact"))), Ok(()));
    until_value(k, &topic, policy, "delete,compact", true);
    assert_eq!(changed(k, v, &change(&topic, SUBTRACT, policy, Some("delete"))), Ok(()));
    until_value(k, &topic, policy, "compact", true);
});

conversation!(only_a_list_gets_longer, [0, 1], |k, v| {
    let topic = k.topic(1);
    let request = change(&topic, APPEND, "retention.ms", Some("1"));
    assert_eq!(changed(k, v, &request), Err(InvalidConfig));
});

conversation!(a_wrong_value_is_refused, [0, 1], |k, v| {
    let topic = k.topic(1);
    let request = change(&topic, SET, "retention.ms", Some("soon"));
    assert_eq!(changed(k, v, &request), Err(InvalidConfig));
    assert_eq!(k.value(&topic, "retention.ms"), ("604800000".to_owned(), false));
});

conversation!(an_unknown_setting_is_refused, [0, 1], |k, v| {
    let topic = k.topic(1);
    let request = change(&topic, SET, "no.such.setting", Some("1"));
    assert_eq!(changed(k, v, &request), Err(InvalidConfig));
});

conversation!(settings_of_an_unknown_topic_are_refused, [0, 1], |k, v| {
    let missing = Topic::missing(k);
    let request = change(&missing, SET, "retention.ms", Some("1"));
    assert_eq!(changed(k, v, &request), Err(UnknownTopicOrPartition));
});

conversation!(a_setting_is_changed_once_in_a_request, [0, 1], |k, v| {
    let topic = k.topic(1);
    let mut request = change(&topic, SET, "retention.ms", Some("1"));
    let again = request.resources[0].configs[0].clone();
    request.resources[0].configs.push(again);
    assert_eq!(changed(k, v, &request), Err(InvalidRequest));
});

conversation!(a_change_can_be_tried, [0, 1], |k, v| {
    let topic = k.topic(1);
    let right = change(&topic, SET, "retention.ms", Some("9000")).with_validate_only(true);
    assert_eq!(changed(k, v, &right), Ok(()));
    let wrong = change(&topic, SET, "retention.ms", Some("soon")).with_validate_only(true);
    assert_eq!(changed(k, v, &wrong), Err(InvalidConfig));
    assert_eq!(k.value(&topic, "retention.ms"), ("604800000".to_owned(), false));
});

conversation!(a_change_has_its_effect, |k| {
    let topic = k.topic(1);
    let request = change(&topic, SET, "max.message.bytes", Some("500"));
    assert_eq!(changed(k, 1, &request), Ok(()));
    let long = "x".repeat(500);
    until("the limit", || {
        (k.produce(9, &topic, Batch::of(&[&long])) == Err(MessageTooLarge)).then_some(())
    });
});

conversation!(all_settings_are_replaced, [0, 1, 2], |k, v| {
    let topic = k.topic_with(1, &[("retention.ms", "9000")]);
    let request = replace(&topic, &[("segment.ms", "8000")]);
    assert_eq!(said(k.ask(v, &request).responses[0].error_code), Ok(()));
    until_value(k, &topic, "segment.ms", "8000", true);
    until_value(k, &topic, "retention.ms", "604800000", false);
});

conversation!(replaced_settings_have_to_be_right, [0, 1, 2], |k, v| {
    let topic = k.topic_with(1, &[("retention.ms", "9000")]);
    let request = replace(&topic, &[("segment.ms", "soon")]);
    assert_eq!(said(k.ask(v, &request).responses[0].error_code), Err(InvalidConfig));
    assert_eq!(k.value(&topic, "retention.ms"), ("9000".to_owned(), true));
});
