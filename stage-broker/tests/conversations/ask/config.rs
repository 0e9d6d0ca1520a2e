//! Settings of topics and brokers: looking at them.

use super::topic::Topic;
use crate::line::Line;
use crate::said::text;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};

pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;

/// Some settings of a resource, or all of them.
pub(crate) fn describe(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsRequest {
    let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys);
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

impl Line {
    pub(crate) fn settings(
        &mut self,
        version: i16,
        kind: i8,
        name: &str,
        keys: Option<&[&str]>,
    ) -> DescribeConfigsResult {
        self.ask(version, &describe(kind, name, keys)).results.remove(0)
    }

    /// One setting of a topic.
    pub(crate) fn setting(&mut self, topic: &Topic, name: &str) -> DescribeConfigsResourceResult {
        self.settings(4, TOPIC, &topic.name, Some(&[name])).configs.remove(0)
    }

    /// Its value, and whether it was set for the topic.
    pub(crate) fn value(&mut self, topic: &Topic, name: &str) -> (String, bool) {
        let found = self.setting(topic, name);
        (found.value.map_or("null".to_owned(), |value| value.to_string()), found.config_source == 1)
    }
}
