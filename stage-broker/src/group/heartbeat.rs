//! Heartbeat: a member is alive, and learns whether it must join again.

use super::state::State;
use super::{Groups, Time, Who};
use kafka_protocol::error::ResponseError;

impl Groups {
    /// Answers Heartbeat.
    pub(crate) fn heartbeat(
        &mut self,
        now: Time,
        group: &str,
        who: &Who<'_>,
    ) -> Result<(), ResponseError> {
        if group.is_empty() {
            return Err(ResponseError::InvalidGroupId);
        }
        let group = self.all.get_mut(group).ok_or(ResponseError::UnknownMemberId)?;
        group.check(who)?;
        let member = group.members.get_mut(who.member).ok_or(ResponseError::UnknownMemberId)?;
        member.alive(now);
        match group.state {
            State::PreparingRebalance => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
