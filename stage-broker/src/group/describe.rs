//! DescribeGroups and ListGroups.

use super::{Groups, State};
use bytes::Bytes;

/// A group as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// See [`State::name`].
    pub(crate) state: State,
    /// Of its members, now or once; may be empty.
    pub(crate) protocol_type: String,
    /// What its members agreed on; empty unless it is Stable.
    pub(crate) protocol: String,
    /// In the order they joined.
    pub(crate) members: Vec<DescribedMember>,
}

/// A member as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedMember {
    /// Member id.
    pub(crate) id: String,
    /// Group instance id, if it is a static member.
    pub(crate) instance: Option<String>,
    /// Client id.
    pub(crate) client_id: String,
    /// Client host.
    pub(crate) client_host: String,
    /// What it said about the protocol; empty unless the group is Stable.
    pub(crate) metadata: Bytes,
    /// What is assigned to it; likewise.
    pub(crate) assignment: Bytes,
}

/// A group as ListGroups shows it. Its type is `classic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) group: String,
    /// Of its members, now or once; may be empty.
    pub(crate) protocol_type: String,
    /// See [`State::name`].
    pub(crate) state: State,
}

impl Groups {
    /// Answers DescribeGroups for one group. None: nobody knows it; then Kafka says
    /// GROUP_ID_NOT_FOUND from version 6 on, below that no error and the state `Dead`.
    pub(crate) fn describe(&self, id: &str) -> Option<Description> {
        let group = self.all.get(id)?;
        let stable = group.state == State::Stable;
        let protocol = group.protocol.as_deref().filter(|_| stable);
        let described = group.by_place().into_iter().map(|(id, member)| DescribedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(protocol),
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        });
        Some(Description {
            state: group.state,
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: described.collect(),
        })
    }

    /// Answers ListGroups; empty filters let all pass. States and types (there is one, `classic`)
    /// are compared without case.
    pub(crate) fn list(&self, states: &[&str], types: &[&str]) -> Vec<Listed> {
        let any = |names: &[&str], name: &str| {
            names.is_empty() || names.iter().any(|n| n.eq_ignore_ascii_case(name))
        };
        let groups = self.all.values().filter(|group| any(states, group.state.name()));
        let groups = groups.filter(|_| any(types, "classic"));
        let listed = groups.map(|group| Listed {
            group: group.id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            state: group.state,
        });
        listed.collect()
    }
}
