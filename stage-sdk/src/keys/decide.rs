//! What is decided of a key while its stage runs.
//!
//! The decision is a control record beside the notes of what waits, so that it can be written from
//! anywhere; the worker that owns the key does it, and its tombstone says so.

use super::blocked::{Key, by_name};
use super::waiting::{self, Waiting};
use crate::broker::Broker;
use crate::chain::StageRoute;
use crate::control::{self, Control};
use crate::core::{CommandId, Wish};
use crate::dead_letter::Place;
use crate::lane::{self, Answers};
use crate::producer::{Message, Producer};
use crate::record::Headers;
use crate::service::StartError;
use crate::topics::Topics;
use std::time::Duration;

/// What is to become of a blocked key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its first record is tried now, also where it is held.
    RetryNow,
    /// Its first record is given up, to the dead letters, and the next has its turn.
    Skip,
    /// All its records that wait now are given up, to the dead letters, in their order.
    Release,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// That record does not wait, or does not any more.
    Nothing,
    /// That record waits behind this one, which is the one to decide about.
    Behind(Place),
    /// Nobody has done it in time. It stays asked for, and is done when the stage runs.
    Asked,
    /// It is done.
    Done {
        /// How many records it concerned; 0: all of it was done before.
        records: u32,
        /// How many of the key wait now.
        waiting: usize,
    },
}

/// Has the worker that owns a key do what is decided of it, and waits so long for that. `first`: the key's first
/// record, as [`blocked`](super::blocked) has it. It acts on what waits of the key now, never on what comes
/// later: skipped or released twice it is once, since the first is another then; `RetryNow` is another attempt each
/// time. Beside `wait` it may block as long as `blocked`, before and after.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::chain::Chain;
/// use stage_sdk::keys::{Decision, blocked, decide};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let chain = Chain::read("topics.toml".as_ref()).unwrap();
/// let (stage, broker) = (chain.stage("price").unwrap(), Broker::default());
/// for key in blocked(&broker, stage)?.iter().filter(|key| key.first.held) {
///     let first = format!("{}-{}-{}", key.first.topic, key.first.partition, key.first.offset);
///     let first = first.parse().unwrap();
///     println!("{:?}", decide(&broker, stage, &first, Decision::Skip, Duration::from_secs(5))?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The stage parks nothing, no broker answers, or a topic of its lane is missing, or cannot be read or written. If
/// it cannot be written the decision may be asked for or not.
pub fn decide(
    broker: &Broker,
    stage: &StageRoute,
    first: &Place,
    decision: Decision,
    wait: Duration,
) -> Result<Decided, StartError> {
    waiting::parks(stage)?;
    let desk = Desk { broker, topics: &Topics::connect(broker)?, stage };
    let keys = by_name(waiting::of(broker, desk.topics, stage)?);
    let is_in = |key: &Key| key.records.iter().any(|one| one.place() == *first);
    let Some(key) = keys.into_iter().find(is_in) else { return Ok(Decided::Nothing) };
    if key.head().place() != *first {
        return Ok(Decided::Behind(key.head().place()));
    }
    let asked = ask(&desk, decision.wish(), vec![key], wait)?;
    Ok(asked.first().map_or(Decided::Nothing, |asked| match asked.answer {
        Some(records) => Decided::Done { records, waiting: asked.left.len() },
        None => Decided::Asked,
    }))
}

impl Decision {
    pub(super) fn wish(self) -> Wish {
        match self {
            Decision::RetryNow => Wish::RetryNow,
            Decision::Skip => Wish::Skip,
            Decision::Release => Wish::Release,
        }
    }
}

/// A stage, and the way to its topics.
pub(super) struct Desk<'d> {
    pub(super) broker: &'d Broker,
    pub(super) topics: &'d Topics,
    pub(super) stage: &'d StageRoute,
}

/// A command on its way.
pub(super) struct Asked {
    pub(super) id: CommandId,
    pub(super) wish: Wish,
    pub(super) key: Key,
    /// How many records it concerned, once that is known.
    pub(super) answer: Option<u32>,
    /// What waits of the key after that.
    pub(super) left: Vec<Waiting>,
}

/// Asks for it, and waits so long until it is done of all of these keys.
pub(super) fn ask(
    desk: &Desk<'_>,
    wish: Wish,
    keys: Vec<Key>,
    wait: Duration,
) -> Result<Vec<Asked>, StartError> {
    let Desk { broker, topics, stage } = *desk;
    let new = |key| Asked { id: control::new_id(), wish, key, answer: None, left: Vec::new() };
    let mut all: Vec<Asked> = keys.into_iter().map(new).collect();
    let lane = lane::Topics::of(stage);
    let places: Vec<_> = all.iter().map(|asked| (asked.key.head().partition, asked.id)).collect();
    let answers = Answers::to(broker, &lane, &places).map_err(StartError::Runtime)?;
    let limit = topics.target(&lane.redirect)?.limit;
    write(broker, &lane.redirect, limit, &all)?;
    if wait.is_zero() {
        return Ok(all);
    }
    let answers = answers.wait(wait).map_err(StartError::Runtime)?;
    let left = waiting::of(broker, topics, stage)?;
    for asked in &mut all {
        asked.answer = answers.iter().find(|a| a.command == asked.id).map(|a| a.records);
        asked.left = left.iter().filter(|waiting| asked.key.is_of(waiting)).cloned().collect();
        // It does not wait any more: who was to act on it has nothing to do.
        asked.answer = asked.answer.or_else(|| (!asked.has_work()).then_some(0));
    }
    Ok(all)
}

/// Has the broker take the commands.
fn write(broker: &Broker, topic: &str, limit: usize, asked: &[Asked]) -> Result<(), StartError> {
    let failed =
        |why: String| StartError::Runtime(format!("topic {topic} cannot be written: {why}"));
    let config = broker.producer(None, limit, limit);
    let producer = Producer::open(&config, Duration::ZERO).map_err(|e| failed(e.to_string()))?;
    for Asked { id, wish, key, .. } in asked {
        let (head, name) = (key.head(), control::name(*id));
        let (bytes, error) = (key.bytes(), head.entry.error.clone());
        let control = Control::new(*wish, bytes.as_deref(), head.partition, key.range(), error);
        let message = Message {
            topic,
            partition: Some(head.partition),
            key: Some(name.as_bytes()),
            // A struct of texts and numbers has a JSON form.
            value: Some(&serde_json::to_vec(&control).unwrap_or_default()),
            headers: Headers::new(&[]),
            time: -1,
        };
        producer.send(message).map_err(|error| failed(error.to_string()))?;
    }
    producer.flush().map_err(|ended| {
        failed(format!("{ended:?}, and the command may be lost; give it again, that does no harm"))
    })
}

impl Asked {
    /// Whether some of what it concerns waits still.
    fn has_work(&self) -> bool {
        let (first, last) = self.key.range();
        let last = if self.wish == Wish::Release { last } else { first };
        self.left.iter().any(|waiting| (first..=last).contains(&waiting.offset))
    }
}
