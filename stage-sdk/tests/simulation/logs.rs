//! Output partitions as a reader of committed records sees them.

use stage_sdk::core::{Answer, Command, CommandId, Note};

/// Why a record is in the dead letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    Rejected,
    Exhausted,
    Refused,
    /// An operator gave it up.
    Operator(CommandId),
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// An output, or a dead letter.
    Output,
    /// A record in the retry topic, and which copy of it this is.
    Parked(u64),
    /// How a parked record stands.
    Noted(Note),
    /// A record is no longer parked.
    Freed,
    /// What an operator wants.
    Control(Command),
    /// It is carried out.
    Answered(Answer),
}

/// One output, or a dead letter, or of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    /// The record it came of: its partition, and its number there.
    pub(crate) partition: usize,
    pub(crate) index: usize,
    pub(crate) offset: i64,
    pub(crate) target: usize,
    /// Which of the record's outputs to this target it is.
    pub(crate) nth: u8,
    pub(crate) why: Option<Why>,
    /// The broker does not take it.
    pub(crate) refused: bool,
    /// It came of a record that was parked.
    pub(crate) lane: bool,
    pub(crate) form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Committed,
    Aborted,
}

/// One output partition.
#[derive(Default)]
pub(crate) struct Log {
    entries: Vec<(usize, State, Message)>,
    /// Up to here it can be read: to the first message of an open transaction.
    stable: usize,
    /// Below, everything is deleted.
    pub(crate) cleaned: usize,
}

impl Log {
    pub(crate) fn append(&mut self, transaction: usize, message: Message) {
        self.entries.push((transaction, State::Open, message));
    }

    /// A message of its own, without a transaction; gives what can be read now.
    pub(crate) fn append_alone(&mut self, message: Message) -> Vec<Message> {
        self.entries.push((usize::MAX, State::Committed, message));
        self.advance()
    }

    pub(crate) fn end(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn stable(&self) -> usize {
        self.stable
    }

    /// Committed messages from this place on, as far as they can be read.
    pub(crate) fn read(&self, from: usize) -> impl Iterator<Item = (usize, &Message)> {
        let stable = self.entries[..self.stable].iter().enumerate().skip(from);
        stable.filter(|(_, e)| e.1 == State::Committed).map(|(place, e)| (place, &e.2))
    }

    /// How each message stands, in their order.
    pub(crate) fn states(&self) -> impl Iterator<Item = State> {
        self.entries.iter().map(|entry| entry.1)
    }

    /// What was deleted and is not aborted.
    pub(crate) fn deleted(&self) -> impl Iterator<Item = &Message> {
        let deleted = self.entries[..self.cleaned].iter();
        deleted.filter(|entry| entry.1 != State::Aborted).map(|entry| &entry.2)
    }

    /// Whether something of this record is there that is neither deleted nor aborted.
    pub(crate) fn keeps(&self, index: usize) -> bool {
        let kept = self.entries[self.cleaned..].iter();
        kept.filter(|entry| entry.1 != State::Aborted).any(|entry| entry.2.index == index)
    }

    /// The marker of a transaction arrives; gives what can be read now and could not before.
    pub(crate) fn mark(&mut self, transaction: usize, commit: bool) -> Vec<Message> {
        let ended = if commit { State::Committed } else { State::Aborted };
        for (owner, state, _) in &mut self.entries[self.stable..] {
            if *owner == transaction {
                *state = ended;
            }
        }
        self.advance()
    }

    fn advance(&mut self) -> Vec<Message> {
        let mut read = Vec::new();
        while let Some((_, state, message)) = self.entries.get(self.stable)
            && *state != State::Open
        {
            if *state == State::Committed {
                read.push(*message);
            }
            self.stable += 1;
        }
        read
    }
}
