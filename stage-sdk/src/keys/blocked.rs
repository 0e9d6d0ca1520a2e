//! A key whose records wait in a retry lane.

use super::waiting::{self, Waiting};
use crate::broker::Broker;
use crate::chain::StageRoute;
use crate::core::Rest;
use crate::service::StartError;
use crate::topics::Topics;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A key whose first record could not be handled; what came later of it waits behind that. Its JSON is what
/// `keys list --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The record that all others of the key wait for.
    #[serde(flatten)]
    pub first: Parked,
    /// How many records of the key wait, the first included.
    pub records: usize,
}

/// A record that waits in a retry lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// Whose it is.
    pub stage: String,
    /// Where it lies: a topic that the stage reads.
    pub topic: String,
    /// The partition there.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// The key as text; what is none of it, and what would command a terminal, is escaped.
    pub key: String,
    /// It waits until somebody decides.
    pub held: bool,
    /// When it is tried next, in milliseconds since the epoch; none: it is held, or waits for another.
    pub due: Option<u64>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first, in milliseconds since the epoch.
    pub first_failure: Option<u64>,
    /// What it failed with last.
    pub error: Option<String>,
}

/// The blocked keys of a stage: the held first, then the longest blocked. It reads what the stage's redirect
/// topic has by now, and may block for half a minute, or, where a transaction there is open, until it ends, for a
/// minute and a quarter at most in each partition.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::chain::Chain;
/// use stage_sdk::keys::blocked;
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let chain = Chain::read("topics.toml".as_ref()).unwrap();
/// for key in blocked(&Broker::default(), chain.stage("price").unwrap())? {
///     println!("{} and {} behind it: {:?}", key.first.key, key.records - 1, key.first.error);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The stage parks nothing, no broker answers, or its redirect topic is missing or cannot be read.
pub fn blocked(broker: &Broker, stage: &StageRoute) -> Result<Vec<Blocked>, StartError> {
    waiting::parks(stage)?;
    let waiting = waiting::of(broker, &Topics::connect(broker)?, stage)?;
    Ok(in_order(waiting).iter().map(Key::blocked).collect())
}

/// What waits of a key, in its order; there is a first.
pub(super) struct Key {
    pub(super) records: Vec<Waiting>,
}

/// The keys among all that waits, by name.
pub(super) fn by_name(waiting: Vec<Waiting>) -> Vec<Key> {
    let mut keys: BTreeMap<_, Key> = BTreeMap::new();
    for one in waiting {
        let key = keys.entry(one.name()).or_insert_with(|| Key { records: Vec::new() });
        key.records.push(one);
    }
    keys.into_values().collect()
}

/// The held first, then the longest blocked.
pub(super) fn in_order(waiting: Vec<Waiting>) -> Vec<Key> {
    let mut keys = by_name(waiting);
    keys.sort_by_key(|key| {
        let entry = &key.head().entry;
        (entry.rest() != Rest::Held, entry.first().unwrap_or(Duration::MAX))
    });
    keys
}

impl Key {
    pub(super) fn head(&self) -> &Waiting {
        &self.records[0]
    }

    /// The key itself.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.head().entry.key()
    }

    /// The offsets of its first and its last.
    pub(super) fn range(&self) -> (i64, i64) {
        (self.head().offset, self.records[self.records.len() - 1].offset)
    }

    pub(super) fn is_of(&self, other: &Waiting) -> bool {
        self.head().name() == other.name()
    }

    pub(super) fn blocked(&self) -> Blocked {
        Blocked { first: self.head().parked(), records: self.records.len() }
    }
}
