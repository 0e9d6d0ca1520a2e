//! Whether a joiner is let in, and as whom: a new member, one that comes back, or the next life of an
//! instance.

use super::member::Member;
use super::rebalance::Joining;
use super::state::{Group, State};
use super::{Join, Settings, Step, Time, Token, Who};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;

impl Group {
    pub(super) fn join(
        &mut self,
        now: Time,
        settings: &Settings,
        token: Token,
        join: Join,
        step: &mut Step,
    ) {
        let new = join.member.is_empty();
        if !self.has_room_for(&join.member, settings) {
            self.remove(&join.member, step);
            step.refuse_join(token, ResponseError::GroupMaxSizeReached, "");
            self.try_complete_join(now, settings, step);
        } else if !self.can_follow(&join) {
            step.refuse_join(token, ResponseError::InconsistentGroupProtocol, &join.member);
        } else if new {
            self.join_new(now, settings, token, join, step);
        } else if self.pending.contains_key(&join.member) {
            if join.instance.is_some() {
                // Ids are given out in advance to dynamic members only.
                step.refuse_join(token, ResponseError::UnknownServerError, "");
                return;
            }
            let id = join.member.clone();
            self.add(now, settings, token, id, join, step);
        } else {
            self.join_known(now, settings, token, join, step);
        }
    }

    fn has_room_for(&self, member: &str, settings: &Settings) -> bool {
        let member = self.members.get(member);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                let joined = self.members.values().filter(|m| m.awaiting_join.is_some()).count();
                member.is_some_and(|m| m.awaiting_join.is_some()) || joined < settings.max_size
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.members.len() < settings.max_size
            }
        }
    }

    fn join_new(
        &mut self,
        now: Time,
        settings: &Settings,
        token: Token,
        join: Join,
        step: &mut Step,
    ) {
        let name = join.instance.as_ref().unwrap_or(&join.client_id);
        let id = format!("{name}-{}", join.unique);
        if let Some(instance) = &join.instance
            && let Some(old) = self.instances.get(instance).cloned()
        {
            self.replace(now, settings, token, &old, id, join, step);
        } else if join.instance.is_none() && join.requires_member_id {
            step.refuse_join(token, ResponseError::MemberIdRequired, &id);
            self.pending.insert(id, now + join.session_timeout);
        } else {
            self.add(now, settings, token, id, join, step);
        }
    }

    fn add(
        &mut self,
        now: Time,
        settings: &Settings,
        token: Token,
        id: String,
        join: Join,
        step: &mut Step,
    ) {
        if matches!(self.joining, Some(Joining::Initial { .. })) {
            self.newcomer = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = Member {
            place: self.next_place,
            instance: join.instance,
            client_id: join.client_id,
            client_host: join.client_host,
            rebalance_timeout: join.rebalance_timeout,
            session_timeout: join.session_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            expires: now + settings.new_member_timeout,
            is_new: true,
            knows_id: self.pending.remove(&id).is_some(),
            awaiting_join: Some(token),
            awaiting_sync: None,
        };
        self.next_place += 1;
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
        self.rebalance(now, settings, step);
    }

    fn join_known(
        &mut self,
        now: Time,
        settings: &Settings,
        token: Token,
        join: Join,
        step: &mut Step,
    ) {
        let who = Who { member: &join.member, instance: join.instance.as_deref(), generation: -1 };
        if let Err(error) = self.check_member(&who) {
            step.refuse_join(token, error, &join.member);
            return;
        }
        let Some(member) = self.members.get_mut(&join.member) else { return };
        let leads = self.leader.as_ref() == Some(&join.member);
        let same = member.protocols == join.protocols;
        let nothing_new = match self.state {
            State::CompletingRebalance => same,
            State::Stable => same && !leads,
            State::Empty | State::PreparingRebalance => false,
        };
        if nothing_new {
            // It did not hear the last answer. Only a leader that has not assigned yet assigns.
            let assigns = leads && self.state == State::CompletingRebalance;
            step.join(token, Ok(self.joined(&join.member, assigns)));
            return;
        }
        member.protocols = join.protocols;
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        if let Some(earlier) = member.awaiting_join.replace(token) {
            // Asked twice: the earlier request's connection is most likely gone.
            step.refuse_join(earlier, ResponseError::RebalanceInProgress, &join.member);
        }
        self.rebalance(now, settings, step);
    }

    /// Begins a rebalance, or goes on with the one that is under way.
    pub(super) fn rebalance(&mut self, now: Time, settings: &Settings, step: &mut Step) {
        if self.state == State::PreparingRebalance {
            self.try_complete_join(now, settings, step);
        } else {
            self.prepare(now, settings, step);
        }
    }
}
