//! Output partitions as a reader of committed records sees them.

/// Why a record is in the dead letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    Rejected,
    Exhausted,
    Refused,
}

/// One output, or a dead letter.
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
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
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
}

impl Log {
    pub(crate) fn append(&mut self, transaction: usize, message: Message) {
        self.entries.push((transaction, State::Open, message));
    }

    /// The marker of a transaction arrives; gives what can be read now and could not before.
    pub(crate) fn mark(&mut self, transaction: usize, commit: bool) -> Vec<Message> {
        let ended = if commit { State::Committed } else { State::Aborted };
        for (owner, state, _) in &mut self.entries[self.stable..] {
            if *owner == transaction {
                *state = ended;
            }
        }
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
