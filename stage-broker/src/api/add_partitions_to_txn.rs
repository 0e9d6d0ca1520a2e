//! AddPartitionsToTxn: where a transaction's records will go. All are added, or none.

use super::{Cx, code, fenced};
use crate::transaction::Claim;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let response = add_all(cx, &request);
    match cx.node.flush.settled().await {
        Ok(()) => response,
        Err(_) => refused(response),
    }
}

fn add_all(cx: &Cx, request: &AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    let topics = &request.v3_and_below_topics;
    let known = cx.node.topics.borrow();
    let missing = |topic: &_, index| known.partition(topic, index).is_none();
    let some_missing = topics
        .iter()
        .any(|topic| topic.partitions.iter().any(|index| missing(&topic.name, *index)));
    let added = if some_missing {
        // Those that are there were not attempted.
        Err(ResponseError::OperationNotAttempted)
    } else {
        add(cx, request)
    };
    let error = added.err().map_or(0, |error| code(fenced(error, cx.version >= 2)));
    let no_such = code(ResponseError::UnknownTopicOrPartition);
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            let unknown = some_missing && missing(&topic.name, *index);
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(if unknown { no_such } else { error })
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

/// The disk did not take it, so none was added.
fn refused(mut response: AddPartitionsToTxnResponse) -> AddPartitionsToTxnResponse {
    let topics = &mut response.results_by_topic_v3_and_below;
    for partition in topics.iter_mut().flat_map(|topic| &mut topic.results_by_partition) {
        partition.partition_error_code = code(ResponseError::CoordinatorNotAvailable);
    }
    response
}

fn add(cx: &Cx, request: &AddPartitionsToTxnRequest) -> Result<(), ResponseError> {
    let now = cx.node.now();
    let claim = Claim {
        producer: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    let partitions = request
        .v3_and_below_topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| (topic.name.to_string(), *index)));
    cx.node.step_transaction(&request.v3_and_below_transactional_id, |transaction| {
        Ok(((), transaction.add_partitions(claim, partitions, now)?))
    })
}
