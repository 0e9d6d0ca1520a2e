//! DeleteTopics, by name or by id.

use super::twice::named_twice;
use super::{Cx, code};
use crate::topic::Topic;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use kafka_protocol::protocol::StrBytes;
use std::rc::Rc;

pub(super) async fn answer(cx: &mut Cx, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request.topic_names.into_iter();
    let by_name = by_name.map(|name| DeleteTopicState::default().with_name(Some(name)));
    let asked: Vec<_> = by_name.chain(request.topics).collect();
    let named = |topic: &DeleteTopicState| (topic.name.clone(), topic.topic_id);
    let twice = named_twice(asked.iter().map(named));
    let mut results: Vec<_> = asked
        .into_iter()
        .filter(|topic| !twice.contains(&named(topic)))
        .map(|topic| one(cx, topic))
        .collect();
    results.extend(twice.iter().map(|(name, id)| {
        let result = DeletableTopicResult::default().with_name(name.clone()).with_topic_id(*id);
        invalid(result, "Duplicate topic name or id.")
    }));
    if cx.node.flush.settled().await.is_err() {
        for result in results.iter_mut().filter(|result| result.error_code == 0) {
            result.error_code = code(ResponseError::KafkaStorageError);
        }
    }
    DeleteTopicsResponse::default().with_responses(results)
}

fn one(cx: &Cx, asked: DeleteTopicState) -> DeletableTopicResult {
    let result =
        DeletableTopicResult::default().with_name(asked.name.clone()).with_topic_id(asked.topic_id);
    if asked.name.is_some() != asked.topic_id.is_nil() {
        return invalid(result, "Either the topic's name or its id must be given, not both.");
    }
    let topics = cx.node.topics.borrow();
    let (found, error) = match &asked.name {
        Some(name) => (topics.get(name), ResponseError::UnknownTopicOrPartition),
        None => (topics.by_id(asked.topic_id), ResponseError::UnknownTopicId),
    };
    drop(topics);
    if !cx.node.flag("delete.topic.enable") {
        return result.with_error_code(code(ResponseError::TopicDeletionDisabled));
    }
    let Some(topic) = found else { return result.with_error_code(code(error)) };
    let result = result.with_name(Some(topic.name.clone())).with_topic_id(topic.id);
    match delete(cx, &topic) {
        Ok(()) => result,
        Err(error) => {
            tracing::error!(%error, "a topic was not deleted");
            result.with_error_code(code(ResponseError::KafkaStorageError))
        }
    }
}

fn invalid(result: DeletableTopicResult, why: &'static str) -> DeletableTopicResult {
    result
        .with_error_code(code(ResponseError::InvalidRequest))
        .with_error_message(Some(StrBytes::from_static_str(why)))
}

fn delete(cx: &Cx, topic: &Rc<Topic>) -> std::io::Result<()> {
    cx.node.delete_topic(topic)
}
