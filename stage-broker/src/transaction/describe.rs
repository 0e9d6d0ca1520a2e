//! DescribeTransactions and ListTransactions.

use super::{Producer, State, Time, Transaction, Transactions};
use kafka_protocol::error::ResponseError;

/// A transaction as DescribeTransactions shows it.
pub(crate) type Described<'a> = Result<&'a Transaction, ResponseError>;

/// Which transactions ListTransactions asks for; empty lets all pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter<'a> {
    /// Of these producer ids.
    pub(crate) producer_ids: &'a [i64],
    /// In these states, by Kafka's names.
    pub(crate) states: &'a [&'a str],
    /// Longer open than this (version 1 on); below 0: all.
    pub(crate) longer_than: Option<Time>,
}

/// The answer to ListTransactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// State names in the filter that do not exist.
    pub(crate) unknown_states: Vec<String>,
    /// What passed.
    pub(crate) transactions: Vec<Listed>,
}

/// A transaction as ListTransactions shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Transactional id.
    pub(crate) transactional_id: String,
    /// Its producer.
    pub(crate) producer: Producer,
    /// See [`State::name`].
    pub(crate) state: State,
}

impl Transactions {
    /// Answers DescribeTransactions for one transactional id. (Kafka counts a transaction's offsets
    /// as partitions of `__consumer_offsets`; here they are [`Transaction::groups`].)
    pub(crate) fn describe(&self, transactional_id: &str) -> Described<'_> {
        if transactional_id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        self.all.get(transactional_id).ok_or(ResponseError::TransactionalIdNotFound)
    }

    /// Answers ListTransactions.
    pub(crate) fn list(&self, now: Time, filter: &Filter<'_>) -> Listing {
        let exists = |name: &str| State::ALL.iter().any(|state| state.name() == name);
        let unknown = filter.states.iter().filter(|name| !exists(name));
        let passes = |t: &Transaction| {
            (filter.producer_ids.is_empty() || filter.producer_ids.contains(&t.producer.id))
                && (filter.states.is_empty() || filter.states.contains(&t.state.name()))
                && filter.longer_than.is_none_or(|than| than < 0 || now - t.started > than)
        };
        let listed = self.all.iter().filter(|(_, t)| passes(t)).map(|(id, t)| Listed {
            transactional_id: id.clone(),
            producer: t.producer,
            state: t.state,
        });
        Listing {
            transactions: listed.collect(),
            unknown_states: unknown.map(|name| (*name).to_owned()).collect(),
        }
    }
}
