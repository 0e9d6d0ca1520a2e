//! ListTransactions: all of them, or those in certain states, of certain producers, or open for long.

use super::Cx;
use crate::transaction::State;
use kafka_protocol::messages::list_transactions_response::TransactionState;
use kafka_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, ProducerId, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

/// The states there are.
const STATES: [State; 6] = [
    State::Empty,
    State::Ongoing,
    State::PrepareCommit,
    State::PrepareAbort,
    State::CompleteCommit,
    State::CompleteAbort,
];

pub(super) async fn answer(
    cx: &mut Cx,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let now = cx.node.now();
    let (states, producers) = (&request.state_filters, &request.producer_id_filters);
    let known = |name: &StrBytes| STATES.iter().any(|state| state.name() == &**name);
    let unknown: Vec<_> = states.iter().filter(|name| !known(name)).cloned().collect();
    let least = request.duration_filter;
    let all = cx.node.transactions.all.borrow();
    let listed = all
        .iter()
        .filter(|(_, t)| states.is_empty() || states.iter().any(|name| &**name == t.state.name()))
        .filter(|(_, t)| producers.is_empty() || producers.contains(&ProducerId(t.producer)))
        .filter(|(_, t)| least < 0 || t.started >= 0 && now - t.started > least)
        .map(|(id, t)| {
            TransactionState::default()
                .with_transactional_id(TransactionalId(StrBytes::from_string(id.clone())))
                .with_producer_id(ProducerId(t.producer))
                .with_transaction_state(StrBytes::from_static_str(t.state.name()))
        });
    ListTransactionsResponse::default()
        .with_transaction_states(listed.collect())
        .with_unknown_state_filters(unknown)
}
