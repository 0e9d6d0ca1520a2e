//! CreatePartitions: more of them, never fewer.

use super::create_topics::{Refusal, check_room, storage};
use super::twice::named_twice;
use super::{Cx, code};
use crate::node::NODE;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(
    cx: &mut Cx,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let twice = named_twice(request.topics.iter().map(|topic| topic.name.clone()));
    let refused = twice.iter().map(|name| {
        let why = StrBytes::from_static_str("Duplicate topic name.");
        CreatePartitionsTopicResult::default()
            .with_name(name.clone())
            .with_error_code(code(ResponseError::InvalidRequest))
            .with_error_message(Some(why))
    });
    let mut results: Vec<_> = refused.collect();
    for asked in request.topics.iter().filter(|topic| !twice.contains(&topic.name)) {
        let mut done = grow(cx, asked, request.validate_only);
        if done.is_ok() {
            done = cx.node.flush.settled().await.map_err(storage);
        }
        let result = CreatePartitionsTopicResult::default().with_name(asked.name.clone());
        results.push(match done {
            Ok(()) => result,
            Err((error, why)) => result
                .with_error_code(code(error))
                .with_error_message(Some(StrBytes::from_string(why))),
        });
    }
    CreatePartitionsResponse::default().with_results(results)
}

fn grow(cx: &Cx, asked: &CreatePartitionsTopic, dry: bool) -> Result<(), Refusal> {
    let topic = cx.node.topics.borrow().get(&asked.name);
    let topic = topic.ok_or_else(|| {
        (ResponseError::UnknownTopicOrPartition, "The topic does not exist.".to_owned())
    })?;
    let now = topic.partitions.len() as i32;
    if asked.count <= now {
        let why = if asked.count == now {
            format!("Topic already has {now} partition(s).")
        } else {
            let count = asked.count;
            format!(
                "The topic {} currently has {now} partition(s); {count} would not be an increase.",
                &*asked.name
            )
        };
        return Err((ResponseError::InvalidPartitions, why));
    }
    if let Some(assignments) = &asked.assignments {
        let fits = assignments.len() as i32 == asked.count - now
            && assignments.iter().all(|a| a.broker_ids.len() == 1 && a.broker_ids[0] == NODE);
        if !fits {
            let why = "There is one broker, and its id is 1; one assignment a new partition.";
            return Err((ResponseError::InvalidReplicaAssignment, why.to_owned()));
        }
    }
    check_room(&cx.node, asked.count - now)?;
    if dry { Ok(()) } else { cx.node.grow_topic(&topic, asked.count).map_err(storage) }
}
