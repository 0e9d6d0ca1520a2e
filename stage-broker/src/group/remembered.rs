//! A group as it is written down, so that its members notice nothing of a restart.

use super::{Group, Limits, Member, Protocol, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A group, written down.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Remembered {
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    /// Everybody knew what is theirs.
    stable: bool,
    members: Vec<RememberedMember>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RememberedMember {
    id: String,
    instance: Option<String>,
    client_id: String,
    client_host: String,
    session_ms: i64,
    rebalance_ms: i64,
    protocols: Vec<(String, Vec<u8>)>,
    assignment: Vec<u8>,
}

impl Group {
    /// What must be known of it after a restart.
    pub(crate) fn remember(&self) -> Remembered {
        let stable = self.state == State::Stable;
        let members = self.members.iter().map(|(id, member)| RememberedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_ms: member.session_ms,
            rebalance_ms: member.rebalance_ms,
            protocols: member
                .protocols
                .iter()
                .map(|p| (p.name.clone(), p.metadata.to_vec()))
                .collect(),
            assignment: member.assignment.to_vec(),
        });
        Remembered {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            stable,
            members: if stable { members.collect() } else { Vec::new() },
        }
    }

    /// The group again. Of a rebalance that was under way only the generation is kept: its members
    /// are told that they are unknown, and come back.
    pub(crate) fn recall(remembered: Remembered, limits: Limits, now: i64) -> Group {
        let mut group = Group::new(limits, now);
        group.generation = remembered.generation;
        group.protocol_type = remembered.protocol_type;
        if !remembered.stable || remembered.members.is_empty() {
            return group;
        }
        group.state = State::Stable;
        group.empty_since = None;
        group.protocol = remembered.protocol;
        group.leader = remembered.leader;
        for member in remembered.members {
            if let Some(instance) = &member.instance {
                group.instances.insert(instance.clone(), member.id.clone());
            }
            let protocol = |(name, metadata)| Protocol { name, metadata: Bytes::from(metadata) };
            group.members.insert(
                member.id,
                Member {
                    instance: member.instance,
                    client_id: member.client_id,
                    client_host: member.client_host,
                    session_ms: member.session_ms,
                    rebalance_ms: member.rebalance_ms,
                    protocols: member.protocols.into_iter().map(protocol).collect(),
                    assignment: Bytes::from(member.assignment),
                    expires: now + member.session_ms,
                    is_new: false,
                    joining: None,
                    syncing: None,
                },
            );
        }
        group
    }
}
