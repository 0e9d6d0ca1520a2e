//! What a transaction is to the model of the broker.

use crate::logs::Message;
use stage_sdk::core::Policy;
use std::collections::BTreeMap;

/// The place of a marker for the group's offsets; every other place is an output log.
pub(crate) const OFFSETS: usize = usize::MAX;

/// What a client writes under: of one identity only the newest epoch may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Producer {
    pub(crate) identity: usize,
    pub(crate) epoch: u32,
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum No {
    /// The markers of the last transaction are not written yet.
    Busy,
    /// There is a newer epoch.
    Fenced,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    /// Decided; its markers are on their way.
    Ending {
        commit: bool,
    },
    Ended,
}

/// One committed offset with its metadata.
pub(crate) type Offset = (i64, String);

#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) producer: Producer,
    /// By which the worker runs.
    pub(crate) policy: Policy,
    pub(crate) state: State,
    pub(crate) messages: Vec<Message>,
    pub(crate) offsets: BTreeMap<usize, Offset>,
    /// Where in the offsets' log they were written.
    pub(crate) written: usize,
    /// Where a marker is still to be written.
    pub(crate) unmarked: Vec<usize>,
    /// The broker refused a message of it.
    pub(crate) refused: bool,
}
