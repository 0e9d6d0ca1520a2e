//! Records that would go round for ever.

use super::check::{Finder, outputs, path};
use super::{Chain, StageRoute};
use std::collections::BTreeSet;

/// Finds each output that closes a circle, and tells the circle's topics.
pub(super) fn check(chain: &Chain, find: &mut Finder<'_>) {
    let mut walk = Walk { chain, find, road: Vec::new(), done: BTreeSet::new() };
    for stage in &chain.stages {
        walk.follow(stage);
    }
}

struct Walk<'c, 'f, 'p> {
    chain: &'c Chain,
    find: &'f mut Finder<'p>,
    /// The stages from where the walk began to here.
    road: Vec<&'c StageRoute>,
    /// Stages of which everything that follows is known.
    done: BTreeSet<&'c str>,
}

impl<'c> Walk<'c, '_, '_> {
    fn follow(&mut self, stage: &'c StageRoute) {
        if self.done.contains(stage.name.as_str()) {
            return;
        }
        self.road.push(stage);
        for (key, topic) in outputs(stage) {
            for next in self.chain.stages.iter().filter(|next| next.input == topic) {
                match self.road.iter().position(|passed| passed.name == next.name) {
                    Some(start) => self.closes(start, stage, &key),
                    None => self.follow(next),
                }
            }
        }
        self.road.pop();
        self.done.insert(&stage.name);
    }

    fn closes(&mut self, start: usize, stage: &StageRoute, key: &str) {
        let first = self.road[start].input.as_str();
        let topics = self.road[start..].iter().map(|stage| stage.input.as_str());
        let road: Vec<&str> = topics.chain([first]).collect();
        let place = path(stage, key);
        let text = format!("{place} closes a cycle: {}", road.join(" -> "));
        self.find.problem(&place, text);
    }
}
