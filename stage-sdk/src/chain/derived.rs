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

    /// Declared topics, and those that derive from them: each stage's dead letters, with as many
    /// partitions as its input. One that is declared too is as declared, and as derived in the
    /// settings of which the declaration says nothing.
    pub fn all_topics(&self) -> BTreeMap<String, Topic> {
        let mut all = self.topics.clone();
        // A stage that somebody else starts may be one of ours: it finds its dead-letter topic too.
        for stage in &self.stages {
            let Some(input) = self.topics.get(&stage.input) else { continue };
            let name = Chain::dead_letter_topic(stage);
            let declared = self.topics.get(&name);
            let mut config = settings(input);
            config.extend(declared.into_iter().flat_map(|topic| topic.config.clone()));
            let topic = Topic { source: false, config, ..declared.unwrap_or(input).clone() };
            all.insert(name, topic);
        }
        all
    }
}

fn settings(input: &Topic) -> BTreeMap<String, String> {
    let limit = input.config.get("max.message.bytes").and_then(|limit| limit.parse().ok());
    [
        // A record's old time would let retention delete its dead letter within minutes.
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("retention.ms", "-1".to_owned()),
        ("max.message.bytes", room(limit.unwrap_or(LIMIT).max(LIMIT)).to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The limit dead letters need where their input's is `limit`.
pub(super) fn room(limit: u64) -> u64 {
    limit.saturating_add(HEADERS).min(i32::MAX as u64)
}
