//! LeaveGroup: a member goes, by its own wish or by an operator's.

use super::{Group, Outcome, Reply, State};
use kafka_protocol::error::ResponseError;

impl Group {
    /// A member goes; named by its id, by its instance, or by both.
    pub(crate) fn leave(
        &mut self,
        member: &str,
        instance: Option<&str>,
        now: i64,
        outcome: &mut Outcome,
    ) -> Result<(), ResponseError> {
        let id = match instance {
            Some(instance) => {
                let id = self.instances.get(instance).ok_or(ResponseError::UnknownMemberId)?;
                if !member.is_empty() && id != member {
                    return Err(ResponseError::FencedInstanceId);
                }
                id.clone()
            }
            None => member.to_owned(),
        };
        if self.pending.remove(&id).is_some() {
            self.try_complete(now, outcome);
            return Ok(());
        }
        if !self.members.contains_key(&id) {
            return Err(ResponseError::UnknownMemberId);
        }
        self.remove(&id, outcome);
        self.rebalance_without(now, outcome);
        Ok(())
    }

    /// Takes a member out, and answers what it waits for.
    pub(super) fn remove(&mut self, id: &str, outcome: &mut Outcome) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        let error = ResponseError::UnknownMemberId;
        let joining = member.joining.map(|token| Reply::Join(token, Err((error, id.to_owned()))));
        let syncing = member.syncing.map(|token| Reply::Sync(token, Err(error)));
        outcome.replies.extend(joining.into_iter().chain(syncing));
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// What follows when members are gone.
    pub(super) fn rebalance_without(&mut self, now: i64, outcome: &mut Outcome) {
        match self.state {
            State::Completing | State::Stable => self.prepare(false, now, outcome),
            State::Preparing => self.try_complete(now, outcome),
            State::Empty => {}
        }
    }
}
