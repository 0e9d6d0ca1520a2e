//! The topics that nobody declares: they follow from the stages.

use super::{Chain, StageRoute, Topic};
use std::collections::BTreeMap;

/// Kafka's own limit of a record batch, where nobody sets one.
pub(super) const LIMIT: u64 = 1_048_588;

/// What the headers that say why may take, beside the record itself.
const HEADERS: u64 = 65_536;

impl Chain {
    /// The topic a stage's dead letters go to.
    pub fn dead_letter_topic(stage: &StageRoute) -> String {
        format!("{}.{}.dlq", stage.input, stage.name)
    }

    /// The topic a stage's parked records wait in.
    pub fn retry_topic(stage: &StageRoute) -> String {
        format!("{}.{}.retry", stage.input, stage.name)
    }

    /// The topic that tells what of a stage is parked.
    pub fn redirect_topic(stage: &StageRoute) -> String {
        format!("{}.{}.redirect", stage.input, stage.name)
    }

    /// Declared topics, and those that derive from them: each stage's dead letters and, where its
    /// policy parks records, its retry and redirect topics; with as many partitions as its input. One that is declared too is as declared, and as derived in the
    /// settings of which the declaration says nothing.
    pub fn all_topics(&self) -> BTreeMap<String, Topic> {
        let mut all = self.topics.clone();
        // A stage that somebody else starts may be one of ours: it finds its dead-letter topic too.
        for stage in &self.stages {
            let Some(input) = self.topics.get(&stage.input) else { continue };
            let mut derived = vec![(Chain::dead_letter_topic(stage), dead_letters(input))];
            if stage.policy().policy.parks() {
                derived.push((Chain::retry_topic(stage), retry(input)));
                derived.push((Chain::redirect_topic(stage), redirect(input)));
            }
            for (name, mut config) in derived {
                let declared = self.topics.get(&name);
                config.extend(declared.into_iter().flat_map(|topic| topic.config.clone()));
                let topic = Topic { source: false, config, ..declared.unwrap_or(input).clone() };
                all.insert(name, topic);
            }
        }
        all
    }
}

fn dead_letters(input: &Topic) -> BTreeMap<String, String> {
    named([
        // A record's old time would let retention delete its dead letter within minutes.
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("max.message.bytes", room_for(input)),
    ])
}

fn retry(input: &Topic) -> BTreeMap<String, String> {
    named([
        // What nobody needs any more is deleted record by record; what is parked stays for ever.
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("retention.bytes", "-1".to_owned()),
        // A record keeps its time there, whatever it is.
        ("message.timestamp.type", "CreateTime".to_owned()),
        ("message.timestamp.after.max.ms", i64::MAX.to_string()),
        ("max.message.bytes", room_for(input)),
    ])
}

fn redirect(input: &Topic) -> BTreeMap<String, String> {
    named([
        ("max.message.bytes", room_for_notes(limit(input)).to_string()),
        ("cleanup.policy", "compact".to_owned()),
        ("message.timestamp.type", "CreateTime".to_owned()),
        // What was done long ago is not to be read by each new owner.
        ("segment.ms", "3600000".to_owned()),
        ("min.cleanable.dirty.ratio", "0.1".to_owned()),
    ])
}

fn named<const N: usize>(settings: [(&str, String); N]) -> BTreeMap<String, String> {
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

fn room_for(input: &Topic) -> String {
    room(limit(input)).to_string()
}

fn limit(input: &Topic) -> u64 {
    let limit = input.config.get("max.message.bytes").and_then(|limit| limit.parse().ok());
    limit.unwrap_or(LIMIT).max(LIMIT)
}

/// The limit of the redirect topic where the input's is `limit`: a note holds a key, which as JSON may
/// be twice as long.
pub(super) fn room_for_notes(limit: u64) -> u64 {
    room(limit.saturating_mul(2))
}

/// The limit dead letters need where their input's is `limit`.
pub(super) fn room(limit: u64) -> u64 {
    limit.saturating_add(HEADERS).min(i32::MAX as u64)
}
