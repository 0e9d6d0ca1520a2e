//! What operators decide while the stage runs: their commands come from the redirect topic, and their
//! answers go back there.

use super::Worker;
use super::attempt::Attempt;
use crate::core::{
    Answer, Command, CommandId, Disposition, Event, GivenUp, Id, Note, Partition, Wish,
};
use crate::dead_letter::{Trouble, epoch_millis};
use crate::lane::Wanted;
use crate::record::{Kept, Record};
use crate::stage::Stage;
use std::collections::HashMap;
use std::future::Future;

/// How the first records of commands failed last, until those are carried out.
pub(super) type Errors = HashMap<(Partition, CommandId), String>;

/// Replayed records, until they are parked.
pub(super) type Replayed = HashMap<(Partition, CommandId), Kept>;

impl<S: Stage, F: Future<Output = Attempt>> Worker<S, F> {
    pub(super) fn commanded(&mut self, of: Partition, wanted: Vec<Wanted>) {
        let mut commands = Vec::with_capacity(wanted.len());
        let replays = self.replayed.len();
        if self.core.partitions().all(|held| held != of) {
            // Whoever owns the partition next reads them too.
            return;
        }
        for Wanted { command, error, replayed } in wanted {
            if let Some(record) = replayed {
                self.replayed.insert((of, command.id), record);
                commands.push(command);
                continue;
            }
            tracing::info!(
                topic = self.kafka.topic(of),
                partition = of.number,
                first = command.first,
                last = command.last,
                "an operator's command: {}",
                crate::control::word(command.wish)
            );
            self.errors.extend(error.map(|error| ((of, command.id), error)));
            commands.push(command);
        }
        if self.replayed.len() > replays {
            tracing::debug!(
                topic = self.kafka.topic(of),
                partition = of.number,
                records = self.replayed.len() - replays,
                "dead letters are replayed into the retry lane"
            );
        }
        self.step(Event::Commanded(of, commands));
    }

    /// Writes a replayed record to the lane, unless it waits there already, and that this is done.
    pub(super) fn park_replayed(&mut self, lane: Partition, command: Command, note: Option<Note>) {
        let (topic, partition, offset) = (self.kafka.topic(lane), lane.number, command.first);
        let Some(record) = self.replayed.remove(&(lane.source(), command.id)) else {
            let text = format!("{topic}[{partition}]@{offset} is to be parked, and is not at hand");
            return self.fail(text);
        };
        match note {
            Some(note) => self.kafka.park(&self.core, lane, &record.record(), &note, None),
            None => {
                tracing::warn!(topic, partition, offset, "a replayed dead letter waits already")
            }
        }
        let answer = Answer { command: command.id, records: u32::from(note.is_some()) };
        self.kafka.answer(&self.core, lane, command.first, answer);
    }

    /// Leaves a replayed record where it is.
    pub(super) fn postpone(&mut self, lane: Partition, command: Command) {
        self.replayed.remove(&(lane.source(), command.id));
        tracing::warn!(
            topic = self.kafka.topic(lane),
            partition = lane.number,
            offset = command.first,
            "a dead letter is to come back, and the input is still to bring a record of its offset: it is taken when the stage starts after that"
        );
    }

    /// Writes the dead letter of a record of a lane that an operator gives up.
    pub(super) fn give_up(
        &mut self,
        id: Id,
        lane: Partition,
        given: GivenUp,
        hand: Option<&Record<'_>>,
    ) {
        let kept = self.held(id).kept.take();
        self.held(id).clear();
        let Some(record) = kept.as_ref().map(|kept| kept.record()).or(hand.copied()) else {
            return;
        };
        let now = epoch_millis();
        let trouble = Trouble {
            attempts: given.attempts,
            first: given.first.map_or(now, |first| first.as_millis() as i64),
            last: now,
            text: self.why(lane.source(), record.offset, &given),
            stack: String::new(),
            class: "reject",
            instead: None,
        };
        self.kafka.dead_letter(&self.core, lane.input, &record, &trouble, given.why);
    }

    fn why(&self, of: Partition, offset: i64, given: &GivenUp) -> String {
        let command = given.command;
        let what = match command.wish {
            Wish::Release => "released its key",
            Wish::Skip | Wish::RetryNow | Wish::Replay => "skipped it",
        };
        if given.why == Disposition::OrderBlocked {
            let topic = self.kafka.topic(of);
            let first = format!("{topic}[{}]@{}", of.number, command.first);
            return format!("an operator {what}; it was never tried: it waited behind {first}");
        }
        match self.errors.get(&(of, command.id)).filter(|_| offset == command.first) {
            Some(error) => format!("an operator {what}; its last error: {error}"),
            None => format!("an operator {what}"),
        }
    }

    /// Writes that a command is carried out.
    pub(super) fn answer(&mut self, lane: Partition, offset: i64, answer: Answer) {
        self.errors.remove(&(lane.source(), answer.command));
        tracing::info!(
            topic = self.kafka.topic(lane),
            partition = lane.number,
            offset,
            records = answer.records,
            "an operator's command is carried out"
        );
        self.kafka.answer(&self.core, lane, offset, answer);
    }
}
