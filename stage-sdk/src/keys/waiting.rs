//! A record that waits in a retry lane.

use super::Parked;
use crate::broker::Broker;
use crate::chain::StageRoute;
use crate::core::{Policy, Rest};
use crate::dead_letter::Place;
use crate::dead_letter::page::{plain, plain_or_null};
use crate::lane;
use crate::redirect::Entry;
use crate::service::StartError;
use crate::topics::Topics;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One waiting record.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) stage: String,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) entry: Entry,
    /// It has no key, or its stage keeps no order: it holds up nobody.
    pub(super) alone: bool,
}

/// What waits of a stage, by partition and offset.
pub(super) fn of(
    broker: &Broker,
    topics: &Topics,
    stage: &StageRoute,
) -> Result<Vec<Waiting>, StartError> {
    let lane = lane::Topics::of(stage);
    let partitions = topics.target(&lane.redirect)?.partitions;
    let notes = lane::notes(broker, &lane, partitions).map_err(StartError::Runtime)?;
    let unordered = stage.policy().policy == Policy::RetryTopic;
    let waiting = notes.into_iter().map(|(partition, offset, entry)| {
        let (stage, topic) = (stage.name.clone(), stage.input.clone());
        let alone = unordered || entry.key().is_none();
        Waiting { stage, topic, partition, offset, entry, alone }
    });
    let mut waiting: Vec<Waiting> = waiting.collect();
    waiting.sort_by_key(|one| (one.partition, one.offset));
    Ok(waiting)
}

/// # Errors
/// The stage parks nothing.
pub(super) fn parks(stage: &StageRoute) -> Result<(), StartError> {
    match stage.policy().policy.parks() {
        true => Ok(()),
        false => Err(StartError::Usage(format!(
            "stage {:?} parks no records: its policy is neither \"ordered\" nor \"retry-topic\" in the route map",
            stage.name
        ))),
    }
}

impl Waiting {
    /// What it waits with: its stage, partition and key.
    pub(super) fn name(&self) -> (String, i32, Option<Vec<u8>>, i64) {
        let key = self.entry.key();
        let alone = if self.alone { self.offset } else { 0 };
        (self.stage.clone(), self.partition, key, alone)
    }

    pub(super) fn place(&self) -> Place {
        Place { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    pub(super) fn key(&self) -> String {
        plain_or_null(self.entry.key().as_deref())
    }

    pub(super) fn error(&self) -> String {
        self.entry.error.as_deref().map_or("-".to_owned(), |text| plain(text.as_bytes()))
    }

    pub(super) fn state(&self, now: Duration) -> String {
        match self.entry.rest() {
            Rest::Held => "held".to_owned(),
            Rest::Until(at) if at > now => format!("in {}", short(at - now)),
            Rest::Until(_) | Rest::Behind => "due".to_owned(),
        }
    }

    pub(super) fn age(&self, now: Duration) -> String {
        self.entry.first().map_or("-".to_owned(), |first| short(now.saturating_sub(first)))
    }

    pub(super) fn parked(&self) -> Parked {
        let millis = |time: Duration| time.as_millis() as u64;
        let (held, due) = match self.entry.rest() {
            Rest::Held => (true, None),
            Rest::Until(at) => (false, Some(millis(at))),
            Rest::Behind => (false, None),
        };
        Parked {
            stage: self.stage.clone(),
            topic: self.topic.clone(),
            partition: self.partition,
            offset: self.offset,
            key: self.key(),
            held,
            due,
            attempts: self.entry.attempts,
            first_failure: self.entry.first().map(millis),
            error: self.entry.error.clone(),
        }
    }

    pub(super) fn cells(&self, now: Duration, has_others_before: bool) -> [String; 6] {
        let behind = has_others_before && self.entry.rest() == Rest::Behind;
        let state = if behind { "behind".to_owned() } else { self.state(now) };
        let from = self.place().to_string();
        let attempts = self.entry.attempts.to_string();
        [self.stage.clone(), from, state, self.age(now), attempts, self.error()]
    }
}

pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time as one says it: its largest unit.
pub(super) fn short(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{} s", time.as_secs()),
        60..3600 => format!("{} min", time.as_secs() / 60),
        3600..86_400 => format!("{} h", time.as_secs() / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
