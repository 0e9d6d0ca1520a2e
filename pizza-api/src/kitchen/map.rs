//! The chain as it is drawn: topics in the order in which records come to them.

use serde::Serialize;
use stage_sdk::chain::Chain;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The chain, as the route map has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Chain)]
pub(crate) struct Map {
    name: String,
    pub(super) topics: Vec<Topic>,
    pub(super) stages: Vec<Stage>,
    /// From the first topic to the last, as places in `topics`.
    #[serde(skip)]
    pub(super) path: Vec<usize>,
}

/// A topic.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) partitions: i32,
    /// Somebody outside the chain writes it.
    source: bool,
}

/// A stage between two topics.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) input: String,
    output: Option<String>,
    /// Named outputs: the name in code, and the topic.
    outputs: BTreeMap<String, String>,
    pub(super) group: String,
    /// Its outputs and offsets live in a database.
    pub(super) sink: bool,
    /// A program of somebody else's.
    external: bool,
    /// A program of its own, which the shop starts.
    plug_in: bool,
}

impl Map {
    pub(super) fn of(chain: &Chain) -> Map {
        let stages = chain.stages.iter().map(|route| Stage {
            name: route.name.clone(),
            input: route.input.clone(),
            output: route.output.clone(),
            outputs: route.outputs.iter().cloned().collect(),
            group: route.group.clone().unwrap_or_else(|| format!("{}.{}", chain.name, route.name)),
            sink: route.sink,
            external: route.external,
            plug_in: !route.command.is_empty() || !route.service.is_empty(),
        });
        let stages: Vec<Stage> = stages.collect();
        let topics = in_order(chain, &stages);
        let path = path(&topics, &stages);
        Map { name: chain.name.clone(), topics, stages, path }
    }

    /// Its place among the topics.
    pub(crate) fn topic(&self, name: &str) -> Option<usize> {
        self.topics.iter().position(|topic| topic.name == name)
    }

    /// The names of all topics.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|topic| topic.name.as_str())
    }
}

/// Sources first, then what is made of what is there already; what no stage reaches comes last.
fn in_order(chain: &Chain, stages: &[Stage]) -> Vec<Topic> {
    let mut names: Vec<&str> =
        chain.topics.iter().filter(|(_, topic)| topic.source).map(|(name, _)| &**name).collect();
    let mut at = 0;
    while let Some(name) = names.get(at).copied() {
        for stage in stages.iter().filter(|stage| stage.input == name) {
            for made in stage.output.iter().chain(stage.outputs.values()) {
                if !names.contains(&made.as_str()) {
                    names.push(made);
                }
            }
        }
        at += 1;
    }
    for name in chain.topics.keys() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let known = names.iter().filter_map(|name| chain.topics.get_key_value(*name));
    let topic = |(name, topic): (&String, &stage_sdk::chain::Topic)| Topic {
        name: name.clone(),
        partitions: topic.partitions,
        source: topic.source,
    };
    known.map(topic).collect()
}

/// Along the first output of each stage.
fn path(topics: &[Topic], stages: &[Stage]) -> Vec<usize> {
    let mut path = Vec::new();
    let mut next = topics.iter().position(|topic| topic.source);
    while let Some(at) = next.filter(|at| !path.contains(at)) {
        path.push(at);
        let mut from = stages.iter().filter(|stage| stage.input == topics[at].name);
        let output = from.find_map(|stage| stage.output.as_ref());
        next = output.and_then(|output| topics.iter().position(|topic| topic.name == *output));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_stand_in_the_order_of_the_chain_and_branches_beside_it() {
        let chain = r#"
            [chain]
            name = "shop"
            [topics.a-done]
            partitions = 1
            [topics.b-raw]
            partitions = 1
            source = true
            [topics.audit]
            partitions = 1
            [topics.half]
            partitions = 1
            [stages.end]
            input = "half"
            output = "a-done"
            [stages.begin]
            input = "b-raw"
            output = "half"
            outputs = { log = "audit" }
        "#;
        let map = Map::of(&Chain::parse(chain, "test").unwrap());
        assert_eq!(map.names().collect::<Vec<_>>(), ["b-raw", "half", "audit", "a-done"]);
        assert_eq!(map.path, [0, 1, 3]);
        assert_eq!(map.stages[0].group, "shop.end");
    }
}
