//! Operators: they look at what waits, as anybody can read it, and after a while write what they want
//! of a key; sometimes twice. Once nothing goes wrong any more they see to it that nothing is held.

use crate::agenda::What;
use crate::faults::Fault;
use crate::input::{REDIRECT, RETRY, TARGETS};
use crate::logs::{Form, Message, Why};
use crate::member::Tally;
use crate::oracle::{Fate, Oracle};
use crate::plan::{Plan, ms};
use crate::policy;
use crate::say;
use crate::transaction::Transaction;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{
    Answer, Command, CommandId, GivenUp, Id, Note, Partition, Policy, Time, Wish,
};
use std::collections::BTreeMap;

const RULE: &str = "a command and what comes of it are one";

/// A command in the eyes of the oracle.
#[derive(Debug)]
pub(crate) struct Wanted {
    of: usize,
    command: Command,
    /// The records that were seen waiting.
    records: Vec<usize>,
    pub(crate) answered: bool,
}

impl Wanted {
    /// To who lets each wait alone, a command is of one record only.
    fn concerns(&self, policy: Policy) -> &[usize] {
        if policy == Policy::RetryTopic { &self.records[..1] } else { &self.records }
    }
}

impl Message {
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self.form, Form::Answered(_))
    }
}

impl World {
    pub(crate) fn next_operator(&mut self, wait: Time) {
        if let Some(mean) = self.plan.operator
            && !self.ending
        {
            let wait = wait + mean.mul_f64(self.random.random_range(0.1..2.0));
            self.agenda.note(self.now + wait, What::Operator);
        }
    }

    pub(crate) fn operator(&mut self) {
        let calm = self.calm;
        self.next_operator(ms(if calm { 200 } else { 0 }));
        let all = self.plan.records.len();
        let some = self.random.random_range(0..all);
        for of in (0..all).filter(|of| calm || *of == some) {
            let keys = self.waiting(of);
            let one = self.random.random_range(0..keys.len().max(1));
            for (at, (records, head)) in keys.into_iter().enumerate() {
                // Where another policy decides about it, nobody has to.
                let held = !policy::goes_on(self.plan.shown(self.now), &head);
                if if calm { held } else { at == one } {
                    self.want(of, records);
                }
            }
            self.want_replayed(of);
        }
    }

    /// A dead letter is to be tried again, but not for ever.
    fn want_replayed(&mut self, of: usize) {
        let open = |index: usize| {
            self.oracle.commands.values().any(|wanted| {
                !wanted.answered
                    && wanted.command.wish == Wish::Replay
                    && (wanted.of, wanted.records[0]) == (of, index)
            })
        };
        let known = self.oracle.records[of].iter().enumerate();
        let dead = known.filter(|(index, known)| {
            let can_be_read = known.seen[TARGETS] > known.replays;
            known.fate == Fate::Dead && can_be_read && known.replays < 2 && !open(*index)
        });
        let dead: Vec<usize> = dead.map(|(index, _)| index).collect();
        if dead.is_empty() || !self.plan.shown(self.now).policy.parks() {
            return;
        }
        let index = dead[self.random.random_range(0..dead.len())];
        let (first, key) = (self.plan.records[of][index].offset, self.key(of, index));
        let id = CommandId(self.oracle.commands.len() as u128);
        let (wish, bytes) = (Wish::Replay, self.plan.records[of][index].bytes);
        let command = Command { id, wish, key, first, last: first, bytes };
        let wanted = Wanted { of, command, records: vec![index], answered: false };
        self.oracle.commands.insert(id, wanted);
        let at = self.now + self.some_time(300);
        self.agenda.note(at, What::Control(of, command));
    }

    /// What waits of each key, and how the first of it stands.
    fn waiting(&self, of: usize) -> Vec<(Vec<usize>, Note)> {
        let mut keys: BTreeMap<(Option<u64>, usize), (Vec<usize>, Note)> = BTreeMap::new();
        let unordered = self.plan.shown(self.now).policy == Policy::RetryTopic;
        for (index, note) in self.parked(of) {
            let key = self.key(of, index);
            let alone = if key.is_none() || unordered { index } else { 0 };
            keys.entry((key, alone)).or_insert((Vec::new(), note)).0.push(index);
        }
        keys.into_values().collect()
    }

    fn want(&mut self, of: usize, mut records: Vec<usize>) {
        let wish = match self.random.random_range(0..3) {
            0 => Wish::RetryNow,
            1 => Wish::Skip,
            _ => Wish::Release,
        };
        let seen = self.random.random_range(1..=records.len());
        records.truncate(seen);
        let offset = |index: usize| self.plan.records[of][index].offset;
        let (first, last) = (offset(records[0]), offset(records[seen - 1]));
        // Nobody repeats himself for ever: all answers of one record are in one transaction.
        let open = self.oracle.commands.values().filter(|wanted| {
            !wanted.answered && wanted.of == of && wanted.records[0] == records[0]
        });
        if open.count() > 1 {
            return;
        }
        let key = self.key(of, records[0]);
        if wish != Wish::Release {
            records.truncate(1);
        }
        let times = if self.random.random_bool(0.2) { 2 } else { 1 };
        let id = CommandId(self.oracle.commands.len() as u128);
        let command = Command { id, wish, key, first, last, bytes: 0 };
        self.counts.commanded += 1;
        self.oracle.commands.insert(id, Wanted { of, command, records, answered: false });
        let at = self.now + self.some_time(300);
        (0..times).for_each(|_| self.agenda.note(at, What::Control(of, command)));
    }

    /// A command reaches the broker.
    pub(crate) fn control(&mut self, of: usize, command: Command) {
        say!(self, "OPERATOR {of} {command:?}");
        if command.wish == Wish::Replay && !self.oracle.heard {
            // The stage parks nothing any more: it is told so, and does not write it.
            if let Some(wanted) = self.oracle.commands.get_mut(&command.id) {
                wanted.answered = true;
            }
            return;
        }
        let message = self.about(of, command.first, Form::Control(command));
        self.write_alone(message);
    }

    fn write_alone(&mut self, message: Message) {
        let log = self.broker.log(REDIRECT, message.partition);
        for message in self.broker.write_alone(log, message) {
            self.oracle.seen(&self.plan, message);
        }
    }

    fn about(&self, of: usize, offset: i64, form: Form) -> Message {
        Message { form, ..self.freed(of, offset) }
    }

    /// A record of a lane is given up by an operator.
    pub(crate) fn give_up(
        &mut self,
        number: usize,
        id: Id,
        given: GivenUp,
        hand: Option<(usize, usize)>,
    ) {
        let Some(place) = self.members[number].drop_kept(id).or(hand) else {
            let rule = "a dead letter has its record";
            return self.oracle.accuse(rule, || format!("{number} {id:?}"));
        };
        self.counts.given_up += 1;
        self.members[number].tallies[place.0][place.1].done = Some(self.now);
        let letter = self.letter(place, Why::Operator(given.command.id), true);
        self.filling(number).push(letter);
    }

    /// A dead letter is parked, unless it waits already.
    pub(crate) fn park_replayed(
        &mut self,
        number: usize,
        lane: Partition,
        command: Command,
        note: Option<Note>,
    ) {
        let of = lane.number as usize;
        if let Some(note) = note {
            self.counts.replayed += 1;
            let parked = self.about(of, command.first, Form::Parked(note.edition));
            let parked = Message { target: RETRY, ..parked };
            let noted = self.about(of, command.first, Form::Noted(note));
            // Whoever was done with it before, was with what died.
            for member in &mut self.members {
                if let Some(tally) = member.tallies[of].get_mut(parked.index) {
                    tally.done = None;
                }
            }
            self.members[number].tallies[of][parked.index] = Tally::default();
            self.filling(number).extend([parked, noted]);
        }
        let answer = Answer { command: command.id, records: u32::from(note.is_some()) };
        self.answer(number, lane, command.first, answer);
    }

    /// A command is carried out.
    pub(crate) fn answer(&mut self, number: usize, lane: Partition, offset: i64, answer: Answer) {
        self.counts.answered += 1;
        self.counts.too_late += u64::from(answer.records == 0);
        let message = self.about(lane.number as usize, offset, Form::Answered(answer));
        match self.fault {
            Some(Fault::Unanswered) => {}
            Some(Fault::Sooner) => {
                let policy = self.members[number].retry.policy;
                self.oracle.answer(policy, &message, |_| false);
                self.write_alone(message);
            }
            _ => self.filling(number).push(message),
        }
    }
}

impl Oracle {
    /// How often operators wanted this record to be tried at once, and how often still do.
    pub(crate) fn hurries(&self, of: usize, offset: i64) -> (u32, u32) {
        let hurry = |wanted: &&Wanted| {
            wanted.of == of
                && wanted.command.wish == Wish::RetryNow
                && wanted.command.first == offset
        };
        self.commands
            .values()
            .filter(hurry)
            .fold((0, 0), |(all, open), wanted| (all + 1, open + u32::from(!wanted.answered)))
    }

    /// Whether an operator wants this record given up.
    pub(crate) fn is_wanted(&self, id: CommandId, policy: Policy, message: &Message) -> bool {
        self.commands.get(&id).is_some_and(|wanted| {
            let Command { wish, first, last, .. } = wanted.command;
            // What was replayed meanwhile, and waits among them, is released with them.
            let replayed = self.records[message.partition][message.index].replays > 0;
            let among = replayed && (first..=last).contains(&message.offset);
            !wanted.answered
                && wanted.of == message.partition
                && wish != Wish::RetryNow
                && (wanted.concerns(policy).contains(&message.index)
                    || wish == Wish::Release && policy == Policy::Ordered && among)
        })
    }

    /// Answers in a transaction that is to be committed: with them, and not without them, none of the
    /// records that the operator saw is left, or the first was tried.
    pub(crate) fn answered(&mut self, plan: &Plan, transaction: &Transaction) {
        let messages = &transaction.messages;
        for message in messages.iter().filter(|message| message.is_answer()) {
            let noted = |index: usize| {
                messages.iter().any(|other| {
                    (other.partition, other.index) == (message.partition, index)
                        && matches!(other.form, Form::Noted(_))
                })
            };
            self.answer(transaction.policy, message, noted);
        }
        for message in messages {
            let Some(Why::Operator(id)) = message.why.filter(|_| message.target == TARGETS) else {
                continue;
            };
            let wanted = &self.commands[&id];
            let whole = wanted.answered
                || !self.is_over(wanted, transaction.policy)
                || self.takes_more(plan, wanted, transaction.policy);
            self.hold(whole, RULE, || format!("no answer with {message:?}"));
        }
    }

    /// What was replayed into the midst of a release waits there still, and is released with it.
    fn takes_more(&self, plan: &Plan, wanted: &Wanted, policy: Policy) -> bool {
        let Command { wish, first, last, .. } = wanted.command;
        let records = &plan.records[wanted.of];
        let key = records[wanted.records[0]].key;
        let mut known = self.records[wanted.of].iter().zip(records);
        wish == Wish::Release
            && policy == Policy::Ordered
            && key.is_some()
            && known.any(|(known, record)| {
                known.fate == Fate::Parked
                    && known.replays > 0
                    && record.key == key
                    && (first..=last).contains(&record.offset)
            })
    }

    /// An answer is committed.
    pub(crate) fn answer(
        &mut self,
        policy: Policy,
        message: &Message,
        noted: impl Fn(usize) -> bool,
    ) {
        let Form::Answered(answer) = message.form else { return };
        let Some(wanted) = self.commands.get(&answer.command) else { return };
        let right = match wanted.command.wish {
            Wish::RetryNow if noted(wanted.records[0]) => true,
            Wish::Replay => self.records[wanted.of][wanted.records[0]].fate == Fate::Parked,
            // What was replayed in the same window may be committed before, where that is split.
            _ if answer.records == 0 => wanted.concerns(policy).iter().all(|index| {
                let known = &self.records[wanted.of][*index];
                known.fate != Fate::Parked || known.replays > 0
            }),
            _ => self.is_over(wanted, policy),
        };
        // What was written twice may be met with again before its answer can be read: nothing is left.
        let right = right && (!wanted.answered || answer.records == 0);
        self.hold(right, RULE, || format!("{message:?}"));
        if let Some(wanted) = self.commands.get_mut(&answer.command) {
            wanted.answered = true;
        }
    }

    /// Whether this says that a dead letter was replayed.
    pub(crate) fn replays(&self, message: &Message) -> bool {
        let Form::Answered(answer) = message.form else { return false };
        let wanted = self.commands.get(&answer.command);
        wanted.is_some_and(|wanted| wanted.command.wish == Wish::Replay)
    }

    pub(crate) fn is_over(&self, wanted: &Wanted, policy: Policy) -> bool {
        if wanted.command.wish == Wish::Replay {
            return wanted.answered;
        }
        let parked = |index: &usize| {
            let known = &self.records[wanted.of][*index];
            known.fate == Fate::Parked && !known.anew
        };
        !wanted.concerns(policy).iter().any(parked)
    }
}
