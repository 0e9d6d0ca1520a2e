//! Judges what is committed, and (in `reader.rs`) what a reader of committed records sees. It
//! knows nothing of the workers but what they were heard to do.

use crate::input::TARGETS;
use crate::logs::{Form, Message, Why};
use crate::operator::Wanted;
use crate::plan::Plan;
use crate::transaction::Transaction;
use stage_sdk::core::{CommandId, Note, Policy, Position, Time};
use std::collections::BTreeMap;

/// The broker's limit for the metadata of one offset.
const METADATA: usize = 4096;

/// A rule that does not hold.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broken: {}: {}", self.rule, self.what)
    }
}

/// What became of a record, by a committed transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fate {
    #[default]
    Open,
    /// It waits in the retry topic.
    Parked,
    /// Its outputs are committed, or it has none.
    Done,
    /// It is in the dead letters.
    Dead,
    /// It was deleted before anybody was done with it.
    Gone,
}

/// One record in the eyes of the oracle.
#[derive(Clone, Default)]
pub(crate) struct Known {
    pub(crate) fate: Fate,
    /// Some worker's handler ended well; without outputs that means it was filtered.
    pub(crate) handled: bool,
    /// Others of its key passed it while it was parked, and might.
    pub(crate) passed: bool,
    /// Messages that can be read, by target.
    pub(crate) seen: [u8; TARGETS + 1],
    /// How it stands, as the redirect topic tells.
    pub(crate) note: Option<Note>,
    /// Messages in the transaction that is being looked at.
    sent: [u8; TARGETS + 1],
    parked: u8,
    pub(crate) freed: u8,
    /// How often it died and was replayed, and when last; whether in the transaction that is being looked
    /// at.
    pub(crate) replays: u8,
    pub(crate) replayed: Time,
    pub(crate) anew: bool,
}

pub(crate) struct Oracle {
    pub(crate) now: Time,
    pub(crate) records: Vec<Vec<Known>>,
    /// What was decided to be committed of each partition.
    positions: Vec<Position>,
    /// For each partition and key its records, for those and each target the next one expected.
    pub(crate) chains: Vec<Vec<usize>>,
    pub(crate) heads: Vec<usize>,
    /// How many of a chain's first are finished.
    pub(crate) finished: Vec<usize>,
    /// Records that others of their key passed where they may.
    pub(crate) passed: u64,
    open: usize,
    /// Messages that are committed and cannot be read yet.
    pub(crate) hidden: usize,
    /// What operators wanted.
    pub(crate) commands: BTreeMap<CommandId, Wanted>,
    /// Somebody may still carry them out, also if what they concern is done.
    pub(crate) heard: bool,
    pub(crate) broken: Option<Broken>,
}

impl Oracle {
    pub(crate) fn new(plan: &Plan) -> Oracle {
        let mut chains = vec![Vec::new(); plan.records.len() * plan.keys];
        for (partition, records) in plan.records.iter().enumerate() {
            for (index, record) in records.iter().enumerate() {
                if let Some(key) = record.key {
                    chains[partition * plan.keys + key].push(index);
                }
            }
        }
        Oracle {
            now: Time::ZERO,
            records: plan.records.iter().map(|r| vec![Known::default(); r.len()]).collect(),
            positions: vec![Position::default(); plan.records.len()],
            heads: vec![0; chains.len() * TARGETS],
            finished: vec![0; chains.len()],
            chains,
            passed: 0,
            open: plan.records.iter().map(Vec::len).sum(),
            hidden: 0,
            commands: BTreeMap::new(),
            heard: true,
            broken: None,
        }
    }

    /// The first broken rule counts: others follow from it.
    pub(crate) fn accuse(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(|| Broken { rule, what: what() });
    }

    pub(crate) fn hold(&mut self, holds: bool, rule: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.accuse(rule, what);
        }
    }

    /// Every record is finished, and all of its outputs can be read.
    pub(crate) fn is_done(&self, plan: &Plan) -> bool {
        self.hidden == 0 && self.open <= plan.deleted && self.left(plan).is_empty()
    }

    /// What is not finished, and can be.
    pub(crate) fn left(&self, plan: &Plan) -> String {
        let mut left = String::new();
        for (partition, records) in self.records.iter().enumerate() {
            for (known, record) in records.iter().zip(&plan.records[partition]) {
                let open = known.fate == Fate::Open && !record.is_gone(self.now);
                if open || known.fate == Fate::Parked {
                    left += &format!(" {partition}/{}", record.offset);
                }
            }
        }
        let open = self.commands.iter().filter(|(_, wanted)| {
            !wanted.answered && (self.heard || !self.is_over(wanted, Policy::Ordered))
        });
        for (id, wanted) in open.take(2) {
            left += &format!(" {id:?} {wanted:?}");
        }
        left
    }

    /// A transaction is to be committed: outputs and offsets must belong together.
    pub(crate) fn decided(&mut self, plan: &Plan, transaction: &Transaction) {
        let records = || transaction.messages.iter().filter(|message| !message.is_answer());
        self.replayed(transaction);
        for message in records() {
            let known = &mut self.records[message.partition][message.index];
            match message.form {
                Form::Output => known.sent[message.target] += 1,
                Form::Parked(_) => known.parked += 1,
                Form::Noted(note) => {
                    let before = known.note.replace(note).map_or(0, |note| note.attempts);
                    let fewer = note.attempts < before;
                    self.hold(!fewer, "attempts survive", || format!("{message:?}, had {before}"));
                }
                Form::Freed => known.freed += 1,
                Form::Control(_) | Form::Answered(_) => {}
            }
            let known = &self.records[message.partition][message.index];
            let first = known.fate == if message.lane { Fate::Parked } else { Fate::Open };
            self.hold(first, "no output twice", || format!("{message:?}"));
            let fenced = transaction.offsets.contains_key(&message.partition);
            self.hold(fenced, "no output without its offset", || format!("{message:?}"));
            let record = &plan.records[message.partition][message.index];
            let right = match message.why {
                Some(Why::Rejected) => record.bad,
                Some(Why::Refused) => record.refused.is_some(),
                Some(Why::Operator(id)) => self.is_wanted(id, transaction.policy, message),
                // The worker's own count of attempts is looked at when it gives up.
                Some(Why::Exhausted) | None => true,
            };
            let rule = "no healthy record in the dead letters";
            self.hold(right, rule, || format!("{message:?}"));
        }
        for (partition, (next, metadata)) in &transaction.offsets {
            self.moved(plan, *partition, *next, metadata);
        }
        for message in &transaction.messages {
            if message.form == Form::Freed {
                self.freed(plan, transaction.policy, message);
            }
        }
        for message in records() {
            let known = &mut self.records[message.partition][message.index];
            let done = message.form != Form::Output || !message.lane || known.fate != Fate::Parked;
            known.sent = Default::default();
            (known.parked, known.freed) = (0, 0);
            let covered = done && known.fate != Fate::Open;
            self.hold(covered, "no output without its offset", || format!("{message:?}"));
            if message.target < TARGETS {
                self.committed_in_order(plan, transaction.policy, message);
            }
        }
        self.answered(plan, transaction);
        for message in &transaction.messages {
            self.records[message.partition][message.index].anew = false;
        }
    }

    /// A dead letter is parked again.
    fn replayed(&mut self, transaction: &Transaction) {
        for message in &transaction.messages {
            if !self.replays(message) {
                continue;
            }
            let place = |other: &&Message| {
                (other.partition, other.index) == (message.partition, message.index)
            };
            let mut same = transaction.messages.iter().filter(place);
            if !same.any(|other| matches!(other.form, Form::Parked(_)) && other.lane) {
                continue;
            }
            let known = &mut self.records[message.partition][message.index];
            let was = std::mem::replace(&mut known.fate, Fate::Parked);
            (known.replays, known.replayed, known.anew) = (known.replays + 1, self.now, true);
            // Its place in the order of its key is gone.
            (known.passed, known.handled, known.note) = (true, false, None);
            self.open += 1;
            let dead = was == Fate::Dead;
            self.hold(dead, "no output twice", || format!("{message:?} parked, was {was:?}"));
        }
    }

    /// A parked record is done with.
    fn freed(&mut self, plan: &Plan, policy: Policy, message: &Message) {
        let known = &mut self.records[message.partition][message.index];
        let [one, two] = plan.records[message.partition][message.index].outputs;
        let sent = known.sent;
        known.fate = if sent == [0, 0, 1] { Fate::Dead } else { Fate::Done };
        let done = known.handled && sent == [one, two, 0];
        let whole = known.freed == 1 && (known.fate == Fate::Dead || done);
        self.open -= 1;
        self.hidden += sent.iter().map(|count| usize::from(*count)).sum::<usize>();
        self.hold(whole, "nothing is lost", || format!("{message:?} sent {sent:?}"));
        self.freed_in_order(plan, policy, message);
    }

    fn moved(&mut self, plan: &Plan, partition: usize, next: i64, metadata: &str) {
        self.hold(metadata.len() < METADATA, "metadata fits", || metadata.to_owned());
        let position = match Position::read(next, metadata) {
            Ok(position) => position,
            Err(error) => return self.accuse("metadata comes back", || error),
        };
        self.hold(position.metadata() == metadata, "metadata comes back", || {
            format!("{metadata:?} {position:?}")
        });
        let before = std::mem::replace(&mut self.positions[partition], position.clone());
        let records = &plan.records[partition];
        let from = records.partition_point(|r| r.offset < before.next.min(position.next));
        let to = records.partition_point(|r| r.offset < before.upto.max(position.upto));
        for (index, record) in records.iter().enumerate().take(to).skip(from) {
            let place = || format!("{partition}/{}: {before:?}, then {position:?}", record.offset);
            let finished = position.is_finished(record.offset);
            let known = &mut self.records[partition][index];
            if known.fate != Fate::Open {
                self.hold(finished, "nothing finished is taken back", place);
            } else if finished {
                let [one, two] = record.outputs;
                let sent = known.sent;
                if known.parked > 0 {
                    let whole =
                        known.parked == 1 && sent == [0; TARGETS + 1] && known.note.is_some();
                    known.fate = Fate::Parked;
                    self.hold(whole, "nothing is lost", || format!("{} parked, {sent:?}", place()));
                    continue;
                }
                known.fate = match sent {
                    [0, 0, 1] => Fate::Dead,
                    [0, 0, 0] if record.is_gone(self.now) => Fate::Gone,
                    _ => Fate::Done,
                };
                let handled = known.handled && sent == [one, two, 0];
                let whole = known.fate != Fate::Done || handled;
                self.open -= 1;
                self.hidden += sent.iter().map(|count| usize::from(*count)).sum::<usize>();
                self.hold(whole, "nothing is lost", || format!("{} sent {sent:?}", place()));
            }
        }
    }
}
