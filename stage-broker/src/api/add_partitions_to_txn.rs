//! AddPartitionsToTxn: where a transaction's records will go. All are added, or none.

use super::places::{self, Places};
use super::{Cx, code, fenced};
use crate::transaction::Producer;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

pub(super) async fn answer(
    cx: &mut Cx,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let topics = &request.v3_and_below_topics;
    let named =
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|index| (&topic.name, *index)));
    let places = places::look(cx, named);
    let added = if places.iter().all(|(_, _, known)| *known) {
        add(cx, &request, &places).await
    } else {
        // Those that are there were not attempted.
        Err(ResponseError::OperationNotAttempted)
    };
    let added = added.map_err(|error| fenced(error, cx.version >= 2));
    let mut codes = places.iter().map(|(_, _, known)| match added {
        _ if !known => code(ResponseError::UnknownTopicOrPartition),
        Ok(()) => 0,
        Err(error) => code(error),
    });
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(&mut codes).map(|(index, error)| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(error)
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

async fn add(
    cx: &Cx,
    request: &AddPartitionsToTxnRequest,
    places: &Places<'_>,
) -> Result<(), ResponseError> {
    let producer = Producer {
        id: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    let id = &request.v3_and_below_transactional_id;
    let partitions = places.iter().map(|(topic, index, _)| (topic.as_str(), *index));
    let partitions: Vec<_> = partitions.collect();
    cx.node.step_transactions(|transactions, now| {
        transactions.add_partitions(now, id, producer, &partitions)
    })??;
    cx.node.settled().await
}
