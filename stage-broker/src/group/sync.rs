//! SyncGroup: the leader says what is whose, everybody is told.

use super::{Group, Outcome, Reply, State, Sync, Synced};
use kafka_protocol::error::ResponseError;

impl Group {
    /// A member asks what is theirs. The answer comes now, or when the leader has said it.
    pub(crate) fn sync(&mut self, sync: Sync, now: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let token = sync.token;
        match self.take_sync(sync, now, &mut outcome) {
            Ok(Some(synced)) => outcome.replies.push(Reply::Sync(token, Ok(synced))),
            Ok(None) => {}
            Err(error) => outcome.replies.push(Reply::Sync(token, Err(error))),
        }
        outcome
    }

    fn take_sync(
        &mut self,
        mut sync: Sync,
        now: i64,
        outcome: &mut Outcome,
    ) -> Result<Option<Synced>, ResponseError> {
        self.check(&sync.who)?;
        let differs = |said: &Option<String>, known: &Option<String>| {
            said.is_some() && known.is_some() && said != known
        };
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        match self.state {
            State::Empty => return Err(ResponseError::UnknownMemberId),
            State::Preparing => return Err(ResponseError::RebalanceInProgress),
            State::Stable => {
                self.alive(&sync.who.member, now);
                return Ok(Some(self.answer_sync(&sync.who.member)));
            }
            State::Completing => {}
        }
        if let Some(member) = self.members.get_mut(&sync.who.member) {
            let error = ResponseError::UnknownMemberId;
            let before = member.syncing.replace(sync.token);
            outcome.replies.extend(before.map(|token| Reply::Sync(token, Err(error))));
        }
        if self.leader.as_ref() != Some(&sync.who.member) {
            return Ok(None);
        }
        for (id, member) in &mut self.members {
            member.assignment = sync.assignments.remove(id).unwrap_or_default();
        }
        self.state = State::Stable;
        self.deadline = None;
        outcome.changed = true;
        let waiting = self.members.iter_mut().filter_map(|(id, member)| {
            let token = member.syncing.take()?;
            member.expires = now + member.session_ms;
            Some((id.clone(), token))
        });
        for (id, token) in waiting.collect::<Vec<_>>() {
            outcome.replies.push(Reply::Sync(token, Ok(self.answer_sync(&id))));
        }
        Ok(None)
    }

    fn answer_sync(&self, member: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members.get(member).map(|m| m.assignment.clone()).unwrap_or_default(),
        }
    }
}
