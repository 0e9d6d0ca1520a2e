//! DescribeTransactions: what is in them, and since when.

use super::{Cx, code};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ProducerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

pub(super) async fn answer(
    cx: &mut Cx,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let all = cx.node.transactions.transactions();
    let states = request.transactional_ids.into_iter().map(|id| {
        let transaction = match all.describe(&id) {
            Ok(transaction) => transaction,
            Err(error) => {
                return TransactionState::default()
                    .with_transactional_id(id)
                    .with_error_code(code(error));
            }
        };
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, index) in &transaction.partitions {
            topics.entry(topic).or_default().push(*index);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let name = TopicName(StrBytes::from_string(topic.to_owned()));
            TopicData::default().with_topic(name).with_partitions(partitions)
        });
        TransactionState::default()
            .with_transactional_id(id)
            .with_transaction_state(StrBytes::from_static_str(transaction.state.name()))
            .with_transaction_timeout_ms(transaction.timeout as i32)
            .with_transaction_start_time_ms(transaction.started)
            .with_producer_id(ProducerId(transaction.producer.id))
            .with_producer_epoch(transaction.producer.epoch)
            .with_topics(topics.collect())
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}
