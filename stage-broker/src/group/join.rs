//! JoinGroup: a member comes, or comes back.

use super::state::Group;
use super::{Groups, Protocol, Record, Step, StoredGroup, Time, Token};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;

/// A JoinGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Of which group.
    pub(crate) group: String,
    /// The member's id; empty: it has none yet.
    pub(crate) member: String,
    /// Group instance id, if it is a static member.
    pub(crate) instance: Option<String>,
    /// Makes a new member's id: a new UUID as text.
    pub(crate) unique: String,
    /// From the request's header.
    pub(crate) client_id: String,
    /// As DescribeGroups shows it; Kafka writes `/127.0.0.1`.
    pub(crate) client_host: String,
    /// How long it may be silent.
    pub(crate) session_timeout: Time,
    /// How long it may take to join again (version 0: its session timeout).
    pub(crate) rebalance_timeout: Time,
    /// `consumer`, or `connect`, or ...
    pub(crate) protocol_type: String,
    /// What it can follow, in its order of preference.
    pub(crate) protocols: Vec<Protocol>,
    /// A new member is given an id and must come again with it (version 4 on).
    pub(crate) requires_member_id: bool,
    /// The leader can be told to skip the assignment (version 9 on).
    pub(crate) can_skip_assignment: bool,
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The generation that begins.
    pub(crate) generation: i32,
    /// Of the group.
    pub(crate) protocol_type: Option<String>,
    /// What the group agreed on.
    pub(crate) protocol: Option<String>,
    /// Member id of the leader.
    pub(crate) leader: String,
    /// The joiner's own member id.
    pub(crate) member: String,
    /// The leader need not assign.
    pub(crate) skip_assignment: bool,
    /// For the leader only, in the order they joined.
    pub(crate) members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    /// Member id.
    pub(crate) id: String,
    /// Group instance id, if it is a static member.
    pub(crate) instance: Option<String>,
    /// What it said about the chosen protocol.
    pub(crate) metadata: Bytes,
}

/// JoinGroup refused. (Generation -1, no protocol, no leader in Kafka's answer.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    /// Why.
    pub(crate) error: ResponseError,
    /// The member id in the answer; with MEMBER_ID_REQUIRED the new one.
    pub(crate) member: String,
}

impl Groups {
    /// Answers JoinGroup under the token, now or later.
    pub(crate) fn join(&mut self, now: Time, token: Token, join: Join) -> Step {
        let mut step = Step::default();
        let sessions = self.settings.min_session_timeout..=self.settings.max_session_timeout;
        let known = self.all.contains_key(&join.group);
        let refused = if join.group.is_empty() {
            Some(ResponseError::InvalidGroupId)
        } else if !sessions.contains(&join.session_timeout) {
            Some(ResponseError::InvalidSessionTimeout)
        } else {
            (!known && !join.member.is_empty()).then_some(ResponseError::UnknownMemberId)
        };
        if let Some(error) = refused {
            step.refuse_join(token, error, &join.member);
            return step;
        }
        let id = join.group.clone();
        let group = self.all.entry(id.clone()).or_insert_with(|| Group::new(&id, now));
        group.join(now, &self.settings, token, join, &mut step);
        if !known {
            if group.members.is_empty() && group.pending.is_empty() {
                self.all.remove(&id);
            } else if step.records.is_empty() {
                let stored = StoredGroup { since: now, ..StoredGroup::default() };
                step.records.push(Record::put_group(&id, stored));
            }
        }
        self.schedule(&id);
        step
    }
}
