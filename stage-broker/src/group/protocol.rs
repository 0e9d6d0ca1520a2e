//! What a group's members can all follow, and what they agree on.

use super::Join;
use super::state::{Group, State};
use std::cmp::Reverse;
use std::collections::BTreeMap;

impl Group {
    /// Whether all members have a protocol in common with the joiner.
    pub(super) fn can_follow(&self, join: &Join) -> bool {
        if self.state == State::Empty {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let common = |name: &str| self.members.values().all(|m| m.supports(name));
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(|p| common(&p.name))
    }

    /// Each member votes for the first of its protocols that all support; most votes win.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let common = |name: &str| self.members.values().all(|m| m.supports(name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().find(|p| common(&p.name))?;
            *votes.entry(&choice.name).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(name, votes)| (*votes, Reverse(bucket(name))));
        most.map(|(name, _)| name.to_owned())
    }
}

/// Where Kafka's table of votes has a name: in a tie it takes the first. Any order would do, but a
/// group should choose the same here and there.
fn bucket(name: &str) -> u32 {
    let hash = name
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & 15
}
