//! What comes out of a call: answers, markers, and what must be written down before.

use super::record::Record;
use super::{Producer, Transaction};
use kafka_protocol::error::ResponseError;

/// Names a waiting EndTxn request; the caller's own number.
pub(crate) type Token = u64;

/// The answer to EndTxn: by version 5, the producer that goes on.
pub(crate) type Ended = Result<Producer, ResponseError>;

/// What comes out of a call. `T` is what its own caller is told.
#[derive(Debug, Default)]
#[must_use = "append its records, then write its markers and deliver its answers"]
pub(crate) struct Step<T = ()> {
    /// The answer to the call itself.
    pub(crate) answer: T,
    /// Answers to EndTxn requests.
    pub(crate) answers: Vec<(Token, Ended)>,
    /// To be appended first, all or none.
    pub(crate) records: Vec<Record>,
    /// To be written then.
    pub(crate) markers: Vec<WriteMarkers>,
    /// What transactions were before, latest last.
    pub(super) undo: Vec<(String, Option<Transaction>)>,
}

/// How a transaction ends, to be written where it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteMarkers {
    /// Whose transaction.
    pub(crate) transactional_id: String,
    /// The marker's producer id and epoch. Ended by us and not by its producer, the epoch is one
    /// above that of the records: it fences their producer.
    pub(crate) producer: Producer,
    /// Which of its transactions; for [`super::Transactions::markers_written`], not for the log.
    pub(crate) number: u64,
    /// Commit, or abort.
    pub(crate) commit: bool,
    /// To these topics' partitions.
    pub(crate) partitions: Vec<(String, i32)>,
    /// To these groups' offsets.
    pub(crate) groups: Vec<String>,
}

impl Step {
    /// The same with an answer to the call itself.
    pub(super) fn with<T>(self, answer: T) -> Step<T> {
        let Step { answer: (), answers, records, markers, undo } = self;
        Step { answer, answers, records, markers, undo }
    }
}
