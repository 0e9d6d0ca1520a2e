//! SyncGroup: the leader says what is whose, everybody learns it.

use super::state::State;
use super::step::Undo;
use super::{Groups, Step, Time, Token, Who};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;

/// A SyncGroup request.
#[derive(Clone, Debug)]
pub(crate) struct Sync<'a> {
    /// Of which group.
    pub(crate) group: &'a str,
    /// By whom.
    pub(crate) who: Who<'a>,
    /// What it believes the group's is (version 5 on; none there is INCONSISTENT_GROUP_PROTOCOL in
    /// Kafka's API layer, and so for the protocol).
    pub(crate) protocol_type: Option<&'a str>,
    /// Likewise.
    pub(crate) protocol: Option<&'a str>,
    /// By member id; the leader's only.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Of the group.
    pub(crate) protocol_type: Option<String>,
    /// Of the group.
    pub(crate) protocol: Option<String>,
    /// What is the member's.
    pub(crate) assignment: Bytes,
}

impl Groups {
    /// Answers SyncGroup under the token, now or later.
    pub(crate) fn sync(&mut self, now: Time, token: Token, sync: Sync<'_>) -> Step {
        let mut step = Step::default();
        if let Err(error) = self.accept(now, token, sync, &mut step) {
            step.sync(token, Err(error));
        }
        step
    }

    fn accept(
        &mut self,
        now: Time,
        token: Token,
        sync: Sync<'_>,
        step: &mut Step,
    ) -> Result<(), ResponseError> {
        if sync.group.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let group = self.all.get_mut(sync.group).ok_or(ResponseError::UnknownMemberId)?;
        group.check(&sync.who)?;
        let differs = |claimed: Option<&str>, real: &Option<String>| {
            claimed.is_some() && claimed != real.as_deref()
        };
        if differs(sync.protocol_type, &group.protocol_type)
            || differs(sync.protocol, &group.protocol)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if group.state == State::PreparingRebalance {
            return Err(ResponseError::RebalanceInProgress);
        }
        let leads = group.is_leader(sync.who.member);
        let member =
            group.members.get_mut(sync.who.member).ok_or(ResponseError::UnknownMemberId)?;
        if let Some(earlier) = member.awaiting_sync.replace(token) {
            step.sync(earlier, Err(ResponseError::RebalanceInProgress));
        }
        group.synced(sync.who.member);
        if group.state == State::CompletingRebalance && leads {
            group.members.values_mut().for_each(|member| member.assignment.clear());
            for (id, assignment) in sync.assignments {
                if let Some(member) = group.members.get_mut(&id) {
                    member.assignment = assignment;
                }
            }
            group.enter(State::Stable, now);
            step.records.push(group.record());
            step.undo.push(Undo::Assigned(sync.group.to_owned()));
        }
        if group.state == State::Stable {
            group.answer_syncs(now, &Ok(()), step);
        }
        self.schedule(sync.group);
        Ok(())
    }
}
