//! OffsetDelete: offsets that nobody in the group is using.

use super::{Cx, code};
use crate::group::State;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

pub(super) async fn answer(cx: &mut Cx, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let response = OffsetDeleteResponse::default();
    if let Err(error) = check(cx, &request.group_id) {
        return response.with_error_code(code(error));
    }
    let (mut topics, mut gone) = (Vec::new(), Vec::new());
    for topic in request.topics {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let known = cx.node.topics.borrow().partition(&topic.name, index).is_some();
            let result = OffsetDeleteResponsePartition::default().with_partition_index(index);
            if known {
                gone.push((topic.name.to_string(), index));
                result
            } else {
                result.with_error_code(code(ResponseError::UnknownTopicOrPartition))
            }
        });
        let partitions = partitions.collect();
        topics.push(
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    let mut forgotten = cx.node.forget_offsets(&request.group_id, &gone);
    if forgotten.is_ok() {
        forgotten = cx.node.flush.settled().await;
    }
    match forgotten {
        Ok(()) => response.with_topics(topics),
        Err(_) => response.with_error_code(code(ResponseError::CoordinatorNotAvailable)),
    }
}

fn check(cx: &Cx, id: &str) -> Result<(), ResponseError> {
    let all = cx.node.groups.all.borrow();
    match all.get(id) {
        None if cx.node.offsets.borrow().of(id).next().is_none() => {
            Err(ResponseError::GroupIdNotFound)
        }
        Some(group) if group.state != State::Empty => {
            // What members are subscribed to is theirs to say; so none is deleted under them.
            Err(ResponseError::NonEmptyGroup)
        }
        _ => Ok(()),
    }
}
