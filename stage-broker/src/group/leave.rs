//! LeaveGroup: a member goes, by its own wish or by an operator's.

use super::{Group, Member, Outcome, Reply, State, Token};
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

    /// Whoever waits under this token has gone. A new member that was never told its id is out at
    /// once; any other has until its session ends.
    pub(crate) fn abandon(&mut self, token: Token, now: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let waits = |member: &Member| member.joining == Some(token) && member.is_new;
        let found = self.members.iter().find(|(_, member)| waits(member));
        if let Some(id) = found.map(|(id, _)| id.clone()) {
            self.remove(&id, &mut outcome);
            self.rebalance_without(now, &mut outcome);
        }
        outcome
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
