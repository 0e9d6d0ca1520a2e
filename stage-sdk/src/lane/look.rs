//! Control records: those that an owner finds, and the answers that an operator waits for.

use super::{ASK, LOOK, Lanes, Topics, assign};
use crate::broker::Broker;
use crate::control::{self, Control};
use crate::core::{Answer, Command, CommandId, Partition};
use crate::record;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one look takes at most, where much was noted since the last.
const LONGEST: Duration = Duration::from_secs(1);

/// A command, and how its first record failed last.
pub(crate) struct Wanted {
    pub(crate) command: Command,
    pub(crate) error: Option<String>,
}

/// Control records that were not answered, in the order in which they were written.
#[derive(Default)]
pub(super) struct Controls(Vec<(Vec<u8>, Vec<u8>)>);

impl Controls {
    pub(super) fn take(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.0.retain(|(known, _)| known != name);
        self.0.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// The commands; of what is not known here nothing more is said or done than a line in the log.
    pub(super) fn wanted(self, of: Partition, topic: &str) -> Vec<Wanted> {
        let read = |(name, value): (Vec<u8>, Vec<u8>)| {
            let id = control::id(&name).ok_or_else(|| "its name is no uuid".to_owned());
            let control = id.and_then(|id| Ok((id, Control::read(&value, of.number)?)));
            match control {
                Ok((id, control)) => {
                    let command = control.command(id, of)?;
                    Some(Wanted { command, error: control.error })
                }
                Err(text) => {
                    tracing::warn!(
                        topic,
                        partition = of.number,
                        record = %String::from_utf8_lossy(&name),
                        "an operator's command is left alone: {text}"
                    );
                    None
                }
            }
        };
        self.0.into_iter().filter_map(read).collect()
    }
}

impl Lanes {
    /// Commands that were written since the last look.
    pub(super) fn look(&mut self, of: Partition) -> KafkaResult<Vec<Wanted>> {
        let Some(next) = self.looked.get(&of).copied() else { return Ok(Vec::new()) };
        let redirect = self.topics.redirect.clone();
        // What is committed; mostly nothing is new.
        let end = self.clients()?.reader.fetch_watermarks(&redirect, of.number, ASK)?.1;
        if end <= next {
            return Ok(Vec::new());
        }
        let looker = match self.looker.take() {
            Some(looker) => looker,
            None => self.reader()?,
        };
        assign(&looker, &redirect, of.number, Offset::Offset(next))?;
        let (mut controls, mut read_to) = (Controls::default(), next);
        let until = Instant::now() + LONGEST;
        while read_to < end && Instant::now() < until {
            match looker.poll(LOOK) {
                Some(Ok(message)) => {
                    read_to = message.offset() + 1;
                    if let Some(name) = message.key().filter(|name| control::is_control(name)) {
                        controls.take(name, message.payload());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => read_to = end,
                Some(Err(error)) => tracing::debug!(%error, "looking for commands"),
                None => {}
            }
        }
        looker.unassign()?;
        self.looker = Some(looker);
        self.looked.insert(of, read_to);
        Ok(controls.wanted(of, &redirect))
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
        let mut lanes = Lanes::new(broker.clone(), "stage-sdk", topics.clone(), Arc::default());
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
