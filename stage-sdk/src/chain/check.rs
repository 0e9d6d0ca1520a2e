//! What is wrong with a chain although each entry by itself is right.

use super::problem::{Problems, nearest};
use super::read::Places;
use super::{Chain, StageRoute, cycle, names};
use crate::broker::Broker;
use std::collections::BTreeSet;

/// Where problems are told, with their lines.
pub(super) struct Finder<'p> {
    places: &'p Places,
    problems: &'p mut Problems,
}

impl Finder<'_> {
    pub(super) fn problem(&mut self, path: &str, text: String) {
        self.problems.add(self.line(path), text);
    }

    /// The line of what stands there, or else of the table that it would stand in.
    pub(super) fn line(&self, path: &str) -> usize {
        let table = || self.places.get(path.rsplit_once('.')?.0);
        self.places.get(path).or_else(table).copied().unwrap_or(1)
    }
}

pub(super) fn check(chain: &Chain, places: &Places, problems: &mut Problems) {
    let mut find = Finder { places, problems };
    if let Some(servers) = &chain.brokers
        && let Err(error) = (Broker { servers: servers.clone(), ..Broker::default() }).check()
    {
        find.problem("chain.brokers", format!("chain.brokers: {error}"));
    }
    names::check(chain, &mut find);
    let written = written(chain);
    for stage in &chain.stages {
        undeclared(chain, stage, &mut find);
        unwritten(chain, stage, &written, &mut find);
        unequal(chain, stage, &mut find);
    }
    cycle::check(chain, &mut find);
}

/// The path of a stage's key.
pub(super) fn path(stage: &StageRoute, key: &str) -> String {
    format!("{}.{key}", names::stage(&stage.name))
}

/// The topics a stage writes, each with its key in the stage's table.
pub(super) fn outputs(stage: &StageRoute) -> impl Iterator<Item = (String, &str)> {
    let first = stage.output.iter().map(|topic| ("output".to_owned(), topic.as_str()));
    let named = stage.outputs.iter();
    first
        .chain(named.map(|(name, topic)| (format!("outputs.{}", names::key(name)), topic.as_str())))
}

fn meant<'c>(chain: &'c Chain, topic: &str) -> Option<&'c str> {
    nearest(topic, chain.topics.keys().map(String::as_str))
}

/// What stages write. A misspelt output counts as the one that was meant: its readers are in order.
fn written(chain: &Chain) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = chain.stages.iter().map(Chain::dead_letter_topic).collect();
    for (_, topic) in chain.stages.iter().flat_map(outputs) {
        let declared = chain.topics.contains_key(topic);
        let meant = if declared { Some(topic) } else { meant(chain, topic) };
        all.extend(meant.map(str::to_owned));
    }
    all
}

fn undeclared(chain: &Chain, stage: &StageRoute, find: &mut Finder<'_>) {
    let input = [("input".to_owned(), stage.input.as_str())].into_iter();
    for (key, topic) in input.chain(outputs(stage)) {
        if topic.is_empty() || chain.topics.contains_key(topic) {
            continue;
        }
        let hint = match meant(chain, topic) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("declare it with [{}]", names::topic(topic)),
        };
        let place = path(stage, &key);
        find.problem(&place, format!("{place} = {topic:?} is not declared; {hint}"));
    }
}

/// A topic that no stage writes is either misspelt or written from outside, which then is said.
fn unwritten(chain: &Chain, stage: &StageRoute, written: &BTreeSet<String>, find: &mut Finder<'_>) {
    let source = chain.topics.get(&stage.input).is_none_or(|input| input.source);
    if !source && !written.contains(&stage.input) {
        let place = path(stage, "input");
        let text = format!(
            "{place} = {:?}: no stage writes this topic; if somebody outside does, write source = true under [{}]",
            stage.input,
            names::topic(&stage.input)
        );
        find.problem(&place, text);
    }
}

fn unequal(chain: &Chain, stage: &StageRoute, find: &mut Finder<'_>) {
    let partitions = |topic: &str| chain.topics.get(topic).map(|topic| topic.partitions);
    let output = stage.output.as_deref().and_then(partitions);
    if let (Some(from), Some(to)) = (partitions(&stage.input), output)
        // None at all was told already.
        && from != to && from > 0 && to > 0
        && !stage.repartition
    {
        let place = path(stage, "output");
        let text = format!(
            "{place} has {to} partitions and its input {from}: a key's records would change their neighbours; make them equal, or write repartition = true"
        );
        find.problem(&place, text);
    }
}
