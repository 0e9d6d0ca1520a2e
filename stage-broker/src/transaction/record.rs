//! What survives a restart. A map: the latest value under a key counts, no value is a deletion.

use super::Transaction;

/// Under which name something is remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// The producer ids that may have been given out.
    ProducerIds,
    /// The transaction of a transactional id.
    Transaction(String),
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Of [`Key::ProducerIds`]: none from this one on was given out.
    ProducerIds(i64),
    /// Of [`Key::Transaction`].
    Transaction(Transaction),
}

/// One change to what is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Of what.
    pub(crate) key: Key,
    /// Its new value; none: it is gone.
    pub(crate) value: Option<Value>,
}
