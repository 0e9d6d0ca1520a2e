//! All consumer groups of the classic protocol, and their offsets: decides, and does nothing else.
//!
//! There is no I/O here, no clock and no randomness. **How to drive it:**
//!
//! 1. Call the method named like the request, with the time. Reads and [`Groups::heartbeat`] answer
//!    at once. What may change something returns a [`Step`].
//! 2. Append all of [`Step::records`], all or none, before any other call. Then, and when they are
//!    as durable as promised, use [`Step::answer`] (this request's) and deliver each of
//!    [`Step::answers`] to the request that waits under its [`Token`]: JoinGroup and SyncGroup are
//!    answered that way, in this step or a later one. If appending fails, hand the step to
//!    [`Groups::not_written`]: memory is as before, nobody is told that it worked.
//! 3. Call [`Groups::tick`] when [`Groups::next_tick`] says so; ask anew after each call.
//! 4. Who hangs up while it waits: [`Groups::abandoned`]. Not telling is allowed; its answer then goes
//!    to nobody.
//! 5. At start, [`Groups::restore`] from the latest record under each [`Key`]. Records are a map: a
//!    key without a value is deleted, older values may be compacted away.
//!
//! A transaction's offsets wait under their producer id until [`Groups::end_transaction`], which
//! belongs where the other markers are written: after the decision is durable, before the
//! transaction is complete. Doing it twice does no harm.
//!
//! What the caller checks first: that topics exist (UNKNOWN_TOPIC_OR_PARTITION), that a producer's
//! transaction holds the group ([`crate::transaction::Transactions::holds_group`]).

mod settings;

mod step;

mod record;

mod member;

mod state;

mod coordinator;

mod restore;

mod unwritten;

mod join;

mod admit;

mod static_member;

mod protocol;

mod rebalance;

mod stored;

mod sync;

mod heartbeat;

mod leave;

mod abandon;

mod expiry;

mod offsets;

mod commit;

mod fetch;

mod delete;

mod transaction;

mod retention;

mod describe;

mod subscription;

#[cfg(test)]
mod tests;

pub(crate) use commit::{Commit, NewOffset};
pub(crate) use coordinator::Groups;
pub(crate) use describe::{DescribedMember, Description};
pub(crate) use fetch::{FetchedOffset, FetchedTopic};
pub(crate) use join::{Join, JoinRefused, Joined, JoinedMember};
pub(crate) use leave::Leaving;
pub(crate) use member::Protocol;
pub(crate) use record::{Key, Record, StoredGroup, Value};
pub(crate) use settings::Settings;
pub(crate) use state::State;
pub(crate) use step::{Answer, Step, Token};
pub(crate) use sync::{Sync, Synced};

/// A moment: milliseconds since 1970, by a clock that the caller keeps from going backwards.
pub(crate) type Time = i64;

/// In whose name a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who<'a> {
    /// Member id; empty: none.
    pub(crate) member: &'a str,
    /// Group instance id of a static member.
    pub(crate) instance: Option<&'a str>,
    /// The generation that the member believes in; -1: none.
    pub(crate) generation: i32,
}
