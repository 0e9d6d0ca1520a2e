//! ListTransactions: all of them, or those in certain states, of certain producers, or open for long.

use super::Cx;
use crate::transaction::Filter;
use kafka_protocol::messages::list_transactions_response::TransactionState;
use kafka_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, ProducerId, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(
    cx: &mut Cx,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let producer_ids: Vec<_> = request.producer_id_filters.iter().map(|id| id.0).collect();
    let states: Vec<_> = request.state_filters.iter().map(|name| &**name).collect();
    let filter = Filter {
        producer_ids: &producer_ids,
        states: &states,
        longer_than: Some(request.duration_filter),
    };
    let found = cx.node.transactions.transactions().list(cx.node.steady_now(), &filter);
    let listed = found.transactions.into_iter().map(|listed| {
        TransactionState::default()
            .with_transactional_id(TransactionalId(StrBytes::from_string(listed.transactional_id)))
            .with_producer_id(ProducerId(listed.producer.id))
            .with_transaction_state(StrBytes::from_static_str(listed.state.name()))
    });
    let unknown = found.unknown_states.into_iter().map(StrBytes::from_string);
    ListTransactionsResponse::default()
        .with_transaction_states(listed.collect())
        .with_unknown_state_filters(unknown.collect())
}
