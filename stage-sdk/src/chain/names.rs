//! Names: what Kafka takes, and what of it would be one and the same.

use super::Chain;
use super::check::Finder;
use std::collections::BTreeMap;

/// The longest name Kafka takes.
const LONGEST: usize = 249;

/// Kafka keeps its own affairs in these.
const KAFKAS: [&str; 4] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"];

pub(super) fn check(chain: &Chain, find: &mut Finder<'_>) {
    let chains = (!chain.name.is_empty()).then(|| ("chain.name".to_owned(), chain.name.as_str()));
    let topics = chain.topics.keys().map(|name| (topic(name), name.as_str()));
    let stages = chain.stages.iter().map(|it| (stage(&it.name), it.name.as_str()));
    for (path, name) in chains.into_iter().chain(topics).chain(stages) {
        if let Some(text) = illegal(name) {
            find.problem(&path, format!("{path}: {name:?} {text}"));
        }
    }
    derived(chain, find);
    collisions(chain, find);
    groups(chain, find);
}

/// The path of a topic's table.
pub(super) fn topic(name: &str) -> String {
    format!("topics.{}", key(name))
}

/// The path of a stage's table.
pub(super) fn stage(name: &str) -> String {
    format!("stages.{}", key(name))
}

/// A key as TOML wants it written.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

/// Why no topic and no stage of ours can be called so.
pub(crate) fn illegal(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" | "." | ".." => Some("is no name"),
        name if name.len() > LONGEST => Some("is too long; Kafka takes 249 letters"),
        name if !name.chars().all(legal) => {
            Some("a name has letters, digits, '.', '_' and '-' only")
        }
        name if KAFKAS.contains(&name) => Some("is a topic of Kafka's own; give it another name"),
        _ => None,
    }
}

fn derived(chain: &Chain, find: &mut Finder<'_>) {
    for it in &chain.stages {
        let name = Chain::dead_letter_topic(it);
        if it.name.len() <= LONGEST && it.input.len() <= LONGEST && name.len() > LONGEST {
            let text = format!(
                "{}: its dead letters would go to {name}, which has {} letters and Kafka takes {LONGEST}; shorten its name or its input's",
                stage(&it.name),
                name.len()
            );
            find.problem(&stage(&it.name), text);
        }
    }
}

/// In the names of Kafka's metrics a dot is an underscore: it takes only one of such topics.
fn collisions(chain: &Chain, find: &mut Finder<'_>) {
    let declared = chain.topics.keys().map(|name| (topic(name), name.clone(), false));
    let letters = chain.stages.iter().filter(|it| chain.topics.contains_key(&it.input));
    let letters = letters.map(|it| (stage(&it.name), Chain::dead_letter_topic(it), true));
    let mut all: Vec<_> = declared.chain(letters).collect();
    all.sort_by_key(|(path, ..)| find.line(path));
    let mut seen: BTreeMap<String, (String, String, bool)> = BTreeMap::new();
    for (path, name, is_derived) in all {
        let metric = name.replace('.', "_");
        match seen.get(&metric) {
            // To declare what derives is to say more about it.
            Some((_, other, other_is)) if *other == name && !(is_derived && *other_is) => {}
            Some((place, other, _)) => {
                let text = format!(
                    "{path}: topic {name} and topic {other} of {place} are one to Kafka, to which '.' and '_' are the same; give one of them another name"
                );
                find.problem(&path, text);
            }
            None => {
                seen.insert(metric, (path, name, is_derived));
            }
        }
    }
}

/// Two stages in one group would take each other's partitions at every start and stop.
fn groups(chain: &Chain, find: &mut Finder<'_>) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for it in &chain.stages {
        let path = stage(&it.name);
        let group = it.group.clone().unwrap_or_else(|| format!("{}.{}", chain.name, it.name));
        match seen.get(&group) {
            Some(other) => {
                let place = format!("{path}.group");
                let text = format!(
                    "{place} = {group:?} is the group of {other} too: each would disturb the other at every start and stop; give it another"
                );
                find.problem(&place, text);
            }
            None => {
                seen.insert(group, path);
            }
        }
    }
}
