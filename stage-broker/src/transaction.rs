//! All transactions: who may go on, what is in them, how they end. Decides, and does nothing else.
//!
//! There is no I/O here, no clock and no randomness. **How to drive it:**
//!
//! 1. Call the method named like the request, with the time. What may change something returns a
//!    [`Step`].
//! 2. Append all of [`Step::records`], all or none, before any other call. Then, and when they are
//!    as durable as promised, use [`Step::answer`] (this request's) and deliver each of
//!    [`Step::answers`] to the EndTxn request that waits under its [`Token`]. If appending fails,
//!    hand the step to [`Transactions::not_written`]: memory is as before, nobody is told that it
//!    worked, and the step's markers must not be written.
//! 3. Then write each of [`Step::markers`] to its partitions, and have its groups
//!    ([`crate::group::Groups::end_transaction`]) end it; when that is durable too, call
//!    [`Transactions::markers_written`]. EndTxn is answered by the step that comes out of that. What
//!    fails is tried again until it works: a prepared transaction never changes its mind. Writing a
//!    marker twice does no harm.
//! 4. Call [`Transactions::tick`] when [`Transactions::next_tick`] says so; ask anew after each call.
//! 5. At start, [`Transactions::restore`] from the latest record under each [`Key`]. Records are a
//!    map: a key without a value is deleted, older values may be compacted away. The step has the
//!    markers of what was prepared.
//!
//! What the caller checks first: that topics exist (UNKNOWN_TOPIC_OR_PARTITION, the others of the
//! request OPERATION_NOT_ATTEMPTED).

mod settings;

mod step;

mod record;

mod state;

mod coordinator;

mod producer_id;

mod init;

mod add;

mod end;

mod markers;

mod expiry;

mod describe;

#[cfg(test)]
mod tests;

pub(crate) use coordinator::Transactions;
pub(crate) use describe::Filter;
pub(crate) use init::Init;
pub(crate) use record::{Key, Record, Value};
pub(crate) use settings::Settings;
pub(crate) use state::{State, Transaction};
pub(crate) use step::{Ended, Step, Token, WriteMarkers};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970, by a clock that the caller keeps from going backwards.
pub(crate) type Time = i64;

/// A producer in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Producer {
    /// Producer id; -1: none.
    pub(crate) id: i64,
    /// Its epoch: how often it began anew; -1: none.
    pub(crate) epoch: i16,
}

impl Producer {
    /// No producer.
    pub(crate) const NONE: Producer = Producer { id: -1, epoch: -1 };
}
