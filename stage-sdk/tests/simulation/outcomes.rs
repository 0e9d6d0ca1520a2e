//! How attempts come out, and what is left of them: outputs, or a dead letter.

use crate::input::TARGETS;
use crate::logs::{Form, Message, Why};
use crate::plan::us;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Disposition, Id, Outcome};

impl World {
    pub(crate) fn outcome(&mut self, partition: usize, index: usize) -> Outcome {
        let record = &self.plan.records[partition][index];
        let away = self.plan.stuck && record.key == Some(0);
        if !self.calm && (away || self.now < self.dependency_away_until) {
            return Outcome::Unavailable;
        }
        if !self.calm && self.random.random_bool(self.plan.rates.handler) {
            return match self.random.random_range(0..20) {
                0..10 => Outcome::Retry(None),
                10..13 => Outcome::Retry(Some(us(self.random.random_range(0..200_000)))),
                13..19 => Outcome::Unavailable,
                _ => Outcome::Fatal,
            };
        }
        if record.bad {
            return Outcome::Reject;
        }
        let outputs = record.outputs.iter().sum::<u8>();
        Outcome::Output((outputs > 0).then(|| usize::from(outputs) * record.bytes))
    }

    pub(crate) fn write_outputs(
        &mut self,
        number: usize,
        (partition, index): (usize, usize),
        lane: bool,
    ) {
        let record = &self.plan.records[partition][index];
        let mut messages = Vec::new();
        for target in 0..TARGETS {
            for nth in 0..record.outputs[target] {
                messages.push(Message {
                    partition,
                    index,
                    offset: record.offset,
                    target,
                    nth,
                    why: None,
                    refused: record.refused.is_some(),
                    lane,
                    form: Form::Output,
                });
            }
        }
        self.filling(number).extend(messages);
    }

    pub(crate) fn letter(
        &self,
        (partition, index): (usize, usize),
        why: Why,
        lane: bool,
    ) -> Message {
        let offset = self.plan.records[partition][index].offset;
        Message {
            partition,
            index,
            offset,
            target: TARGETS,
            nth: 0,
            why: Some(why),
            refused: false,
            lane,
            form: Form::Output,
        }
    }

    /// The record's dead letter goes to the filling window.
    pub(crate) fn dead_letter(
        &mut self,
        number: usize,
        id: Id,
        why: Disposition,
        hand: Option<(usize, usize)>,
    ) {
        self.counts.dead_letters += 1;
        let Some(place) = self.members[number].drop_kept(id).or(hand) else {
            return self
                .oracle
                .accuse("a dead letter has its record", || format!("{number} {id:?}"));
        };
        let why = match why {
            Disposition::Rejected => Why::Rejected,
            Disposition::RetriesExhausted => Why::Exhausted,
            Disposition::OrderBlocked => unreachable!("an operator's command gives that up"),
        };
        self.judge_given_up(number, place, why);
        self.members[number].tallies[place.0][place.1].done = Some(self.now);
        let lane = self.members[number].lanes.get(id.slot()).copied().unwrap_or_default();
        let letter = self.letter(place, why, lane);
        self.filling(number).push(letter);
    }
}
