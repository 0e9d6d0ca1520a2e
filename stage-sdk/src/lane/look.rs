//! Control records: those that an owner finds, and the answers that an operator waits for.

use super::{ASK, LOOK, Lanes, Topics, assign};
use crate::broker::Broker;
use crate::control::{self, Control};
use crate::core::{Answer, Command, CommandId, Partition};
use crate::record::{self, Kept};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long one look takes at most, where much was noted since the last.
const LONGEST: Duration = Duration::from_secs(1);

/// What one look brings at most: what is replayed comes with its bytes.
const RECORDS: usize = 2000;
const BYTES: usize = 4 << 20;

/// A command, how its first record failed last, and the record that is replayed.
pub(crate) struct Wanted {
    pub(crate) command: Command,
    pub(crate) error: Option<String>,
    pub(crate) replayed: Option<Kept>,
}

/// How far a partition of the redirect topic was looked through.
#[derive(Default)]
pub(super) struct Looked {
    /// Up to here; whatever was answered up to here, it was by an earlier owner, or is known.
    pub(super) to: i64,
    /// Where open commands are below that, which no look has brought yet.
    pub(super) left: VecDeque<i64>,
}

/// A control record.
struct Open {
    place: i64,
    is_replay: bool,
    /// None: one look has enough without it.
    content: Option<Content>,
}

struct Content {
    value: Vec<u8>,
    headers: Vec<u8>,
}

impl Content {
    fn bytes(&self) -> usize {
        self.value.len() + self.headers.len()
    }
}

/// Control records that were not answered.
#[derive(Default)]
pub(super) struct Controls {
    /// By name.
    open: HashMap<Vec<u8>, Open>,
    records: usize,
    bytes: usize,
}

impl Controls {
    pub(super) fn take(&mut self, message: &BorrowedMessage<'_>) {
        let mut headers = Vec::new();
        let record = record::of(message, &mut headers);
        let name = record.key.unwrap_or_default();
        if let Some(Open { content: Some(before), .. }) = self.open.remove(name) {
            self.records -= 1;
            self.bytes -= before.bytes();
        }
        let Some(value) = record.value else { return };
        let content = Content { value: value.to_owned(), headers: record.headers.to_owned() };
        let bytes = content.bytes();
        let fits = self.records == 0 || !self.is_full() && self.bytes + bytes <= BYTES;
        if fits {
            self.records += 1;
            self.bytes += bytes;
        }
        let is_replay =
            Control::read(value, record.partition).is_ok_and(|control| control.is_replay());
        let (place, content) = (record.offset, fits.then_some(content));
        self.open.insert(name.to_owned(), Open { place, is_replay, content });
    }

    /// Whether one look has enough.
    fn is_full(&self) -> bool {
        self.records >= RECORDS || self.bytes >= BYTES
    }

    /// How many records are to be parked.
    pub(super) fn replays(&self) -> usize {
        self.open.values().filter(|open| open.is_replay).count()
    }

    /// The commands, in the order in which they were written, and where those are that are left for other
    /// looks: all from the first on that is. Of what is not known here nothing more is said or done than a
    /// line in the log.
    pub(super) fn wanted(self, of: Partition, topic: &str) -> (Vec<Wanted>, VecDeque<i64>) {
        let mut all: Vec<_> = self.open.into_iter().collect();
        all.sort_unstable_by_key(|(_, open)| open.place);
        let (mut wanted, mut left) = (Vec::new(), VecDeque::new());
        for (name, Open { place, content, .. }) in all {
            let Some(Content { value, headers }) = content.filter(|_| left.is_empty()) else {
                left.push_back(place);
                continue;
            };
            let id = control::id(&name).ok_or_else(|| "its name is no uuid".to_owned());
            let control = id.and_then(|id| Ok((id, Control::read(&value, of.number)?)));
            match control {
                Ok((id, control)) => wanted.extend(wanted_by(control, id, of, &headers)),
                Err(text) => tracing::warn!(
                    topic,
                    partition = of.number,
                    record = %String::from_utf8_lossy(&name),
                    "an operator's command is left alone: {text}"
                ),
            }
        }
        (wanted, left)
    }
}

fn wanted_by(control: Control, id: CommandId, of: Partition, headers: &[u8]) -> Option<Wanted> {
    let command = control.command(id, of)?;
    let replayed = control.replayed(headers);
    let bytes = replayed.as_ref().map_or(0, |kept| kept.record().len());
    Some(Wanted { command: Command { bytes, ..command }, error: control.error, replayed })
}

impl Lanes {
    /// Commands that no look has brought yet: those that were left, then what was written since. Mostly
    /// nothing was: that is asked with the worker's own client, so that a lane where nothing waits has
    /// none.
    pub(super) fn look(&mut self, of: Partition) -> KafkaResult<Vec<Wanted>> {
        let Some(looked) = self.looked.get(&of) else { return Ok(Vec::new()) };
        let redirect = self.topics.redirect.clone();
        let Some(worker) = &self.worker else { return Ok(Vec::new()) };
        let end = worker.end(&redirect, of.number, ASK)?;
        let (mut to, mut left) = (looked.to, looked.left.clone());
        let from = left.front().copied().unwrap_or(to);
        // What is left was there; new is what lies behind all of it.
        let until = left.back().map_or(end, |last| last + 1);
        if until <= from {
            return Ok(Vec::new());
        }
        let looker = match self.looker.take() {
            Some(looker) => looker,
            None => self.reader()?,
        };
        self.used = Instant::now();
        assign(&looker, &redirect, of.number, Offset::Offset(from))?;
        let (mut controls, mut read_to) = (Controls::default(), from);
        let begun = Instant::now();
        while read_to < until
            && !controls.is_full()
            && begun.elapsed() < LONGEST
            && !self.stopping.load(Ordering::Acquire)
        {
            match looker.poll(LOOK) {
                Some(Ok(message)) => {
                    read_to = message.offset() + 1;
                    let is_control = message.key().is_some_and(control::is_control);
                    if is_control
                        && (message.offset() >= to || left.binary_search(&message.offset()).is_ok())
                    {
                        controls.take(&message);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(number))) if number == of.number => {
                    read_to = until;
                }
                Some(Err(error)) => tracing::debug!(%error, "looking for commands"),
                None => {}
            }
        }
        looker.unassign()?;
        self.looker = Some(looker);
        let (wanted, more) = controls.wanted(of, &redirect);
        to = to.max(read_to);
        left.retain(|place| *place >= read_to);
        left.extend(more);
        left.make_contiguous().sort_unstable();
        self.looked.insert(of, Looked { to, left });
        Ok(wanted)
    }
}

/// Reads the answers to commands as they are committed.
pub(crate) struct Answers {
    lanes: Lanes,
    /// Where each partition is read from.
    open: Vec<(i32, i64, CommandId)>,
}

impl Answers {
    /// Before they are written: nothing that comes after is missed.
    ///
    /// # Errors
    /// The topic cannot be read.
    pub(crate) fn to(
        broker: &Broker,
        topics: &Topics,
        commands: &[(i32, CommandId)],
    ) -> Result<Answers, String> {
        let failed =
            |error: KafkaError| format!("topic {} cannot be read: {error}", topics.redirect);
        let mut lanes = Lanes::new(broker.clone(), "stage-sdk", topics.clone(), None);
        let clients = lanes.connect().map_err(failed)?;
        let mut open = Vec::new();
        for (partition, id) in commands {
            let ends = clients.reader.fetch_watermarks(&topics.redirect, *partition, ASK);
            open.push((*partition, ends.map_err(failed)?.1, *id));
        }
        lanes.clients = Some(clients);
        Ok(Answers { lanes, open })
    }

    /// Waits for them, so long; gives those that came.
    ///
    /// # Errors
    /// The topic cannot be read.
    pub(crate) fn wait(self, wait: Duration) -> Result<Vec<Answer>, String> {
        let redirect = &self.lanes.topics.redirect;
        let failed = |error: KafkaError| format!("topic {redirect} cannot be read: {error}");
        let clients = self.lanes.clients().map_err(failed)?;
        let until = Instant::now() + wait;
        let mut answers = Vec::new();
        for (partition, from, id) in self.open {
            let (name, mut headers) = (control::name(id), Vec::new());
            assign(&clients.reader, redirect, partition, Offset::Offset(from)).map_err(failed)?;
            while Instant::now() < until {
                let Some(Ok(message)) = clients.reader.poll(LOOK) else { continue };
                if message.key() == Some(name.as_bytes()) && message.payload().is_none() {
                    let tombstone = record::of(&message, &mut headers);
                    let records = control::records(tombstone.headers).unwrap_or_default();
                    answers.push(Answer { command: id, records });
                    break;
                }
            }
        }
        Ok(answers)
    }
}
