//! DescribeConfigs: what is set, and where it comes from.

use crate::ask::config::{BROKER, TOPIC, describe};
use crate::ask::topic::{Topic, metadata};
use crate::said::said;
use kafka_protocol::ResponseError::{InvalidRequest, UnknownTopicOrPartition};

const VERSIONS: [i16; 4] = [1, 2, 3, 4];
const OF_THE_TOPIC: i8 = 1;
const DEFAULT: i8 = 5;

conversation!(a_topic_has_settings, VERSIONS, |k, v| {
    let topic = k.topic_with(1, &[("retention.ms", "5000")]);
    let found = k.settings(v, TOPIC, &topic.name, None);
    assert_eq!((said(found.error_code), found.resource_type), (Ok(()), TOPIC));
    assert_eq!(*found.resource_name, *topic.name);
    let of = |name: &str| {
        let config = found.configs.iter().find(|config| &*config.name == name).expect("a setting");
        (config.value.as_deref().unwrap_or("null"), config.config_source)
    };
    assert_eq!(of("retention.ms"), ("5000", OF_THE_TOPIC));
    assert_eq!(of("cleanup.policy"), ("delete", DEFAULT));
    assert_eq!(of("max.message.bytes"), ("1048588", DEFAULT));
    assert_eq!(of("message.timestamp.type"), ("CreateTime", DEFAULT));
    assert_eq!(of("delete.retention.ms"), ("86400000", DEFAULT));
    assert_eq!(of("retention.bytes"), ("-1", DEFAULT));
    assert_eq!(of("segment.bytes"), ("1073741824", DEFAULT));
    assert_eq!(of("compression.type"), ("producer", DEFAULT));
});

conversation!(some_settings_are_asked_for, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let keys = ["retention.ms", "cleanup.policy"];
    let found = k.settings(v, TOPIC, &topic.name, Some(&keys));
    let mut names: Vec<_> = found.configs.iter().map(|config| config.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["cleanup.policy", "retention.ms"]);
});

conversation!(an_unknown_setting_is_left_out, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let found = k.settings(v, TOPIC, &topic.name, Some(&["no.such.setting"]));
    assert_eq!((said(found.error_code), found.configs.len()), (Ok(()), 0));
});

conversation!(an_unknown_topic_has_no_settings, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    let found = k.settings(v, TOPIC, &missing.name, None);
    assert_eq!(said(found.error_code), Err(UnknownTopicOrPartition));
    assert_eq!(found.configs.len(), 0);
});

conversation!(a_broker_has_settings, VERSIONS, |k, v| {
    let id = k.ask(1, &metadata(&[])).brokers[0].node_id.0.to_string();
    let found = k.settings(v, BROKER, &id, None);
    assert_eq!((said(found.error_code), found.resource_type), (Ok(()), BROKER));
    let of = |name: &str| {
        let config = found.configs.iter().find(|config| &*config.name == name).expect("a setting");
        config.value.as_deref().unwrap_or("null").to_owned()
    };
    assert_eq!(of("auto.create.topics.enable"), "false");
    assert_eq!(of("message.max.bytes"), "1048588");
    assert_eq!(of("group.initial.rebalance.delay.ms"), "0");
});

conversation!(another_broker_has_none, VERSIONS, |k, v| {
    let found = k.settings(v, BROKER, "77", None);
    assert_eq!(said(found.error_code), Err(InvalidRequest));
});

conversation!(an_unknown_kind_has_none, VERSIONS, |k, v| {
    let found = k.settings(v, 99, "name", None);
    assert_eq!(said(found.error_code), Err(InvalidRequest));
});

conversation!(where_a_setting_comes_from_is_told, [1, 4], |k, v| {
    let topic = k.topic_with(1, &[("retention.ms", "5000")]);
    let request = describe(TOPIC, &topic.name, Some(&["retention.ms"]));
    let found = k.ask(v, &request.with_include_synonyms(true)).results.remove(0);
    let first = &found.configs[0].synonyms[0];
    assert_eq!((&*first.name, first.value.as_deref()), ("retention.ms", Some("5000")));
    assert_eq!(first.source, OF_THE_TOPIC);
});

conversation!(a_setting_has_a_type, [3, 4], |k, v| {
    let topic = k.topic(1);
    let types = [("retention.ms", 5), ("cleanup.policy", 7), ("max.message.bytes", 3)];
    for (name, wanted) in types {
        let found = k.settings(v, TOPIC, &topic.name, Some(&[name]));
        assert_eq!(found.configs[0].config_type, wanted, "{name}");
    }
});
