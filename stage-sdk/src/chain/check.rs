//! What is wrong with a chain although each entry by itself is right.

use super::problem::{Problems, nearest};
use super::read::Places;
use super::{Chain, StageRoute};
use crate::broker::Broker;
use std::collections::BTreeSet;

pub(super) fn check(chain: &Chain, places: &Places, problems: &mut Problems) {
    let line = |path: &str| places.get(path).copied().unwrap_or(1);
    if let Some(servers) = &chain.brokers
        && let Err(error) = (Broker { servers: servers.clone(), ..Broker::default() }).check()
    {
        problems.add(line("chain.brokers"), format!("chain.brokers: {error}"));
    }
    for name in chain.topics.keys() {
        if let Some(text) = illegal(name) {
            problems.add(line(&format!("topics.{name}")), format!("topics.{name}: {text}"));
        }
    }
    let written: BTreeSet<&str> = chain.stages.iter().flat_map(writes).collect();
    for stage in &chain.stages {
        let path = |key: &str| format!("stages.{}.{key}", stage.name);
        for (key, topic) in topics_of(stage) {
            if !topic.is_empty() && !chain.topics.contains_key(topic) {
                let known = chain.topics.keys().map(String::as_str);
                let hint = match nearest(topic, known) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("declare it with [topics.{topic}]"),
                };
                let text = format!("{} = {topic:?} is not declared; {hint}", path(&key));
                problems.add(line(&path(&key)), text);
            }
        }
        let Some(input) = chain.topics.get(&stage.input) else { continue };
        if !input.source && !written.contains(stage.input.as_str()) {
            let text = format!(
                "{} = {:?}: no stage writes this topic; if somebody outside does, write source = true under [topics.{}]",
                path("input"),
                stage.input,
                stage.input
            );
            problems.add(line(&path("input")), text);
        }
        let output = stage.output.as_ref().and_then(|output| chain.topics.get(output));
        if let (Some(output), false) = (output, stage.repartition)
            && output.partitions != input.partitions
        {
            let text = format!(
                "{} has {} partitions and its input {}: a key's records would change their neighbours; make them equal, or write repartition = true",
                path("output"),
                output.partitions,
                input.partitions
            );
            problems.add(line(&path("output")), text);
        }
        if reaches(chain, stage, &stage.input) {
            let text = format!(
                "{} leads back to its own input {:?}: a cycle",
                path("output"),
                stage.input
            );
            problems.add(line(&path("output")), text);
        }
    }
}

fn topics_of(stage: &StageRoute) -> Vec<(String, &str)> {
    let mut all = vec![("input".to_owned(), stage.input.as_str())];
    all.extend(stage.output.iter().map(|topic| ("output".to_owned(), topic.as_str())));
    let named = stage.outputs.iter();
    all.extend(named.map(|(name, topic)| (format!("outputs.{name}"), topic.as_str())));
    all
}

fn writes(stage: &StageRoute) -> impl Iterator<Item = &str> {
    let named = stage.outputs.iter().map(|(_, topic)| topic.as_str());
    stage.output.as_deref().into_iter().chain(named)
}

/// Whether what `from` writes comes, through any stages, to `topic`.
fn reaches(chain: &Chain, from: &StageRoute, topic: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = writes(from).collect();
    while let Some(at) = next.pop() {
        if at == topic {
            return true;
        }
        if seen.insert(at) {
            next.extend(chain.stages.iter().filter(|stage| stage.input == at).flat_map(writes));
        }
    }
    false
}

/// Kafka's rules for topic names.
fn illegal(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" | "." | ".." => Some("is no topic name"),
        name if name.len() > 200 => Some("is too long; with its derived topics Kafka takes 249"),
        name if !name.chars().all(legal) => {
            Some("a topic name has letters, digits, '.', '_' and '-' only")
        }
        _ => None,
    }
}
