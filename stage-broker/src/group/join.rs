//! JoinGroup: a new member, one that comes back, one that takes over its own place.

use super::{Group, Join, Joined, Member, Outcome, Reply, State};
use kafka_protocol::error::ResponseError;

impl Group {
    /// Somebody wants in. The answer comes now, or when everybody is back.
    pub(crate) fn join(&mut self, join: Join, now: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let token = join.token;
        let id = join.member.clone();
        let joined = if join.member.is_empty() {
            self.join_new(join, now, &mut outcome)
        } else {
            self.join_known(join, now, &mut outcome)
        };
        match joined {
            Ok(Some(joined)) => outcome.replies.push(Reply::Join(token, Ok(joined))),
            Ok(None) => {}
            Err((error, given)) => {
                let id = given.unwrap_or(id);
                outcome.replies.push(Reply::Join(token, Err((error, id))));
            }
        }
        outcome
    }

    /// A member without an id: an answer, or none yet, or an error with the id it shall have.
    fn join_new(
        &mut self,
        mut join: Join,
        now: i64,
        outcome: &mut Outcome,
    ) -> Result<Option<Joined>, (ResponseError, Option<String>)> {
        if !self.understands(&join) {
            return Err((ResponseError::InconsistentGroupProtocol, None));
        }
        let known = join.instance.as_ref().and_then(|instance| self.instances.get(instance));
        if let Some(old) = known.cloned() {
            return Ok(self.take_over(join, &old, now, outcome));
        }
        if self.members.len() + self.pending.len() >= self.limits.max_members {
            return Err((ResponseError::GroupMaxSizeReached, None));
        }
        if join.id_first && join.instance.is_none() {
            self.pending.insert(join.new_id.clone(), now + join.session_ms);
            return Err((ResponseError::MemberIdRequired, Some(join.new_id)));
        }
        join.member = join.new_id.clone();
        let id = join.member.clone();
        self.enter(join, now, outcome);
        if let Some(member) = self.members.get_mut(&id) {
            member.is_new = member.joining.is_some();
        }
        Ok(None)
    }

    fn join_known(
        &mut self,
        join: Join,
        now: i64,
        outcome: &mut Outcome,
    ) -> Result<Option<Joined>, (ResponseError, Option<String>)> {
        let plain = |error| (error, None);
        if self.pending.contains_key(&join.member) {
            if !self.understands(&join) {
                return Err(plain(ResponseError::InconsistentGroupProtocol));
            }
            self.pending.remove(&join.member);
            self.enter(join, now, outcome);
            return Ok(None);
        }
        let who = super::Who {
            member: join.member.clone(),
            instance: join.instance.clone(),
            generation: 0,
        };
        self.check_member(&who).map_err(plain)?;
        if !self.understands(&join) {
            return Err(plain(ResponseError::InconsistentGroupProtocol));
        }
        let same = self.members.get(&join.member).is_some_and(|m| m.protocols == join.protocols);
        let leads = self.leader.as_ref() == Some(&join.member);
        match self.state {
            State::Completing if same => Ok(Some(self.answer_join(&join.member, false))),
            State::Stable if same && !leads => {
                self.alive(&join.member, now);
                Ok(Some(self.answer_join(&join.member, false)))
            }
            _ => {
                self.come_back(join, now, outcome);
                Ok(None)
            }
        }
    }

    /// A new member, of which there was none before.
    fn enter(&mut self, join: Join, now: i64, outcome: &mut Outcome) {
        let mut member = Member::new(&join, now);
        member.joining = Some(join.token);
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), join.member.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        self.leader.get_or_insert_with(|| join.member.clone());
        self.members.insert(join.member, member);
        self.prepare(true, now, outcome);
    }

    /// A member that is in, and says what it can now.
    fn come_back(&mut self, join: Join, now: i64, outcome: &mut Outcome) {
        if let Some(member) = self.members.get_mut(&join.member) {
            let fresh = Member::new(&join, now);
            let before = std::mem::replace(member, fresh);
            member.assignment = before.assignment;
            member.syncing = before.syncing;
            member.joining = Some(join.token);
            if let Some(token) = before.joining {
                let error = (ResponseError::UnknownMemberId, join.member.clone());
                outcome.replies.push(Reply::Join(token, Err(error)));
            }
        }
        self.prepare(false, now, outcome);
    }

    /// A static member began anew: it gets a new id and keeps its place.
    fn take_over(
        &mut self,
        mut join: Join,
        old: &str,
        now: i64,
        outcome: &mut Outcome,
    ) -> Option<Joined> {
        join.member = join.new_id.clone();
        let before = self.members.remove(old);
        let mut member = Member::new(&join, now);
        let mut same = false;
        if let Some(before) = before {
            let protocol = self.protocol.as_deref().unwrap_or_default();
            same = before.protocols == join.protocols
                || before.metadata(protocol) == member.metadata(protocol)
                    && self.choose_with(&join) == self.protocol;
            let fenced = ResponseError::FencedInstanceId;
            outcome
                .replies
                .extend(before.joining.map(|t| Reply::Join(t, Err((fenced, old.into())))));
            outcome.replies.extend(before.syncing.map(|t| Reply::Sync(t, Err(fenced))));
            member.assignment = before.assignment;
        }
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), join.member.clone());
        }
        let leads = self.leader.as_deref() == Some(old);
        if leads {
            self.leader = Some(join.member.clone());
        }
        outcome.changed = true;
        if self.state == State::Stable && same {
            self.members.insert(join.member.clone(), member);
            return Some(self.answer_join(&join.member, leads));
        }
        member.joining = Some(join.token);
        self.members.insert(join.member, member);
        self.prepare(false, now, outcome);
        None
    }

    /// What a member is told of the generation as it stands.
    pub(super) fn answer_join(&self, member: &str, skip_assignment: bool) -> Joined {
        let leads = self.leader.as_deref() == Some(member);
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let all = self.members.iter().map(|(id, member)| {
            let metadata = member.metadata(protocol).cloned().unwrap_or_default();
            (id.clone(), member.instance.clone(), metadata)
        });
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member: member.to_owned(),
            members: if leads { all.collect() } else { Vec::new() },
            skip_assignment,
        }
    }

    /// Whether the joiner and everybody else have a way to assign in common.
    fn understands(&self, join: &Join) -> bool {
        if join.protocols.is_empty() || join.protocol_type.is_empty() {
            return false;
        }
        if self.members.is_empty() {
            return true;
        }
        let others = || self.members.iter().filter(|(id, _)| **id != join.member);
        let instance = |m: &Member| m.instance.is_some() && m.instance == join.instance;
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(|protocol| {
                others().all(|(_, m)| instance(m) || m.metadata(&protocol.name).is_some())
            })
    }
}
