//! What comes out of a call: answers, and what must be written down before they are given.

use super::join::{JoinRefused, Joined};
use super::record::{CommittedOffset, Record};
use super::state::Group;
use super::sync::Synced;
use kafka_protocol::error::ResponseError;

/// Names a waiting request; the caller's own number.
pub(crate) type Token = u64;

/// The answer to a request that waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To JoinGroup.
    Join(Result<Joined, JoinRefused>),
    /// To SyncGroup.
    Sync(Result<Synced, ResponseError>),
}

/// What comes out of a call. `T` is what its own caller is told.
#[derive(Debug, Default)]
#[must_use = "append its records, then deliver its answers"]
pub(crate) struct Step<T = ()> {
    /// The answer to the call itself.
    pub(crate) answer: T,
    /// Answers to requests that waited, or to the call itself if it gave a token.
    pub(crate) answers: Vec<(Token, Answer)>,
    /// To be appended first, all or none.
    pub(crate) records: Vec<Record>,
    /// How to take it back.
    pub(super) undo: Vec<Undo>,
}

/// What to put back if the records cannot be written, latest last.
#[derive(Debug)]
pub(super) enum Undo {
    Offset(String, String, i32, Option<CommittedOffset>),
    Pending(i64, String, String, i32, Option<CommittedOffset>),
    Removed(String, Box<Group>),
    Assigned(String),
    /// The group as it was, whose offsets the step leaves alone.
    Group(Box<Group>),
}

impl Step {
    /// The same with an answer to the call itself.
    pub(super) fn with<T>(self, answer: T) -> Step<T> {
        Step { answer, answers: self.answers, records: self.records, undo: self.undo }
    }

    pub(super) fn join(&mut self, token: Token, answer: Result<Joined, JoinRefused>) {
        self.answers.push((token, Answer::Join(answer)));
    }

    pub(super) fn refuse_join(&mut self, token: Token, error: ResponseError, member: &str) {
        self.join(token, Err(JoinRefused { error, member: member.to_owned() }));
    }

    pub(super) fn sync(&mut self, token: Token, answer: Result<Synced, ResponseError>) {
        self.answers.push((token, Answer::Sync(answer)));
    }
}
