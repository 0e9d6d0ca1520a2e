//! DeleteTopics: by name and by id.

use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::said::{Said, said, topic_name};
use crate::talk::{Talk, until};
use kafka_protocol::ResponseError::{InvalidRequest, UnknownTopicId, UnknownTopicOrPartition};
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use uuid::Uuid;

const VERSIONS: [i16; 3] = [1, 4, 5];

fn request() -> DeleteTopicsRequest {
    DeleteTopicsRequest::default().with_timeout_ms(10_000)
}

fn delete(k: &mut Talk, version: i16, name: &str) -> Said {
    let answer = k.ask(version, &request().with_topic_names(vec![topic_name(name)]));
    assert_eq!(answer.responses[0].name, Some(topic_name(name)));
    said(answer.responses[0].error_code)
}

fn until_gone(k: &mut Talk, name: &str) {
    until("the end of the topic", || (k.described(9, name).error_code == 3).then_some(()));
}

conversation!(a_topic_is_deleted, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(delete(k, v, &topic.name), Ok(()));
    until_gone(k, &topic.name);
    assert!(k.produce(9, &topic, Batch::of(&["a"])).is_err());
});

conversation!(an_unknown_topic_is_not_deleted, VERSIONS, |k, v| {
    let missing = Topic::missing(k);
    assert_eq!(delete(k, v, &missing.name), Err(UnknownTopicOrPartition));
});

conversation!(a_topic_is_deleted_by_name_in_the_new_way, [6], |k, v| {
    let topic = k.topic(1);
    let state = DeleteTopicState::default().with_name(Some(topic_name(&topic.name)));
    let answer = k.ask(v, &request().with_topics(vec![state]));
    assert_eq!(said(answer.responses[0].error_code), Ok(()));
    assert_eq!(answer.responses[0].topic_id, topic.id);
    until_gone(k, &topic.name);
});

conversation!(a_topic_is_deleted_by_id, [6], |k, v| {
    let topic = k.topic(1);
    let state = DeleteTopicState::default().with_name(None).with_topic_id(topic.id);
    let answer = k.ask(v, &request().with_topics(vec![state]));
    assert_eq!(said(answer.responses[0].error_code), Ok(()));
    assert_eq!(answer.responses[0].name, Some(topic_name(&topic.name)));
    until_gone(k, &topic.name);
});

conversation!(an_unknown_id_is_not_deleted, [6], |k, v| {
    let state = DeleteTopicState::default().with_name(None).with_topic_id(Uuid::new_v4());
    let answer = k.ask(v, &request().with_topics(vec![state]));
    assert_eq!(said(answer.responses[0].error_code), Err(UnknownTopicId));
});

conversation!(a_topic_is_deleted_by_name_or_id, [6], |k, v| {
    let topic = k.topic(1);
    let state = DeleteTopicState::default().with_name(Some(topic_name(&topic.name)));
    let answer = k.ask(v, &request().with_topics(vec![state.with_topic_id(topic.id)]));
    assert_eq!(said(answer.responses[0].error_code), Err(InvalidRequest));
    assert_eq!(said(k.described(9, &topic.name).error_code), Ok(()));
});

conversation!(a_topic_is_deleted_once, VERSIONS, |k, v| {
    let topic = k.topic(1);
    assert_eq!(delete(k, v, &topic.name), Ok(()));
    assert_eq!(delete(k, v, &topic.name), Err(UnknownTopicOrPartition));
});

conversation!(a_name_can_be_used_again, |k| {
    let topic = k.topic(1);
    k.produce(9, &topic, Batch::of(&["old"])).expect("an offset");
    assert_eq!(delete(k, 5, &topic.name), Ok(()));
    until_gone(k, &topic.name);
    let again = k.create(crate::ask::topic::creatable(&topic.name, 1, &[]));
    assert_eq!(said(again.error_code), Ok(()));
    assert_ne!(again.topic_id, topic.id);
    let again = Topic { id: again.topic_id, ..topic };
    until("a leader", || k.produce(9, &again, Batch::of(&["new"])).ok());
    until("the new record", || (k.values(&again) == ["new"]).then_some(()));
});

conversation!(several_topics_are_deleted_at_once, VERSIONS, |k, v| {
    let (one, missing, other) = (k.topic(1), Topic::missing(k), k.topic(1));
    let names = [&one, &missing, &other].map(|topic| topic_name(&topic.name));
    let answer = k.ask(v, &request().with_topic_names(names.to_vec()));
    let mut codes: Vec<_> = answer.responses.iter().map(|topic| topic.error_code).collect();
    codes.sort();
    assert_eq!(codes, [0, 0, 3]);
    until_gone(k, &one.name);
    until_gone(k, &other.name);
});
