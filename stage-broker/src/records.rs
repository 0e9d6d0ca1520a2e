//! What the coordinators remember, as the store keeps it.

use crate::store::{self, Changes, Store};
use crate::{group, transaction};
use std::io;

/// Changes of groups, to be written down together.
pub(crate) fn of_groups(records: &[group::Record], changes: &mut Changes) -> io::Result<()> {
    for group::Record { key, value } in records {
        let key = match key.clone() {
            group::Key::Group(id) => store::Key::Group(id),
            group::Key::Offset(id, topic, index) => store::Key::Offset(id, topic, index),
            group::Key::Pending(producer, id, topic, index) => {
                store::Key::Pending(producer, id, topic, index)
            }
        };
        match value {
            Some(group::Value::Group(group)) => changes.put(key, group)?,
            Some(group::Value::Offset(offset)) => changes.put(key, offset)?,
            None => changes.forget(key),
        }
    }
    Ok(())
}

/// Changes of transactions, to be written down together.
pub(crate) fn of_transactions(records: &[transaction::Record]) -> io::Result<Changes> {
    let mut changes = Changes::default();
    for transaction::Record { key, value } in records {
        let key = match key.clone() {
            transaction::Key::ProducerIds => store::Key::ProducerIds,
            transaction::Key::Transaction(id) => store::Key::Transaction(id),
        };
        match value {
            Some(transaction::Value::ProducerIds(next)) => changes.put(key, next)?,
            Some(transaction::Value::Transaction(transaction)) => changes.put(key, transaction)?,
            None => changes.forget(key),
        }
    }
    Ok(changes)
}

/// The groups that a store remembers, and their offsets.
pub(crate) fn groups(store: &Store) -> Vec<(group::Key, group::Value)> {
    let read = |(key, json): (&store::Key, &str)| {
        let offset = || store::read(key, json).map(group::Value::Offset);
        Some(match key.clone() {
            store::Key::Group(id) => {
                (group::Key::Group(id), group::Value::Group(store::read(key, json)?))
            }
            store::Key::Offset(id, topic, index) => {
                (group::Key::Offset(id, topic, index), offset()?)
            }
            store::Key::Pending(producer, id, topic, index) => {
                (group::Key::Pending(producer, id, topic, index), offset()?)
            }
            _ => return None,
        })
    };
    store.iter().filter_map(read).collect()
}

/// The transactions that a store remembers, and the producer ids.
pub(crate) fn transactions(store: &Store) -> Vec<(transaction::Key, transaction::Value)> {
    let read = |(key, json): (&store::Key, &str)| {
        Some(match key.clone() {
            store::Key::ProducerIds => {
                let next = transaction::Value::ProducerIds(store::read(key, json)?);
                (transaction::Key::ProducerIds, next)
            }
            store::Key::Transaction(id) => {
                let known = transaction::Value::Transaction(store::read(key, json)?);
                (transaction::Key::Transaction(id), known)
            }
            _ => return None,
        })
    };
    store.iter().filter_map(read).collect()
}
