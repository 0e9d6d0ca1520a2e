//! A new generation: everybody is asked back, whoever does not come is out, a protocol is chosen.

use super::{Group, Join, Member, Outcome, Reply, State};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use std::collections::BTreeMap;

impl Group {
    /// Members are asked to come back; `grew`: because of a new one.
    pub(super) fn prepare(&mut self, grew: bool, now: i64, outcome: &mut Outcome) {
        if self.state == State::Completing {
            for member in self.members.values_mut() {
                member.assignment = Bytes::new();
                let error = ResponseError::RebalanceInProgress;
                outcome.replies.extend(member.syncing.take().map(|t| Reply::Sync(t, Err(error))));
            }
        }
        let delay = self.limits.initial_delay_ms;
        let patience = self.members.values().map(|member| member.rebalance_ms).max().unwrap_or(0);
        match self.state {
            State::Empty => {
                self.deadline = Some(now + patience);
                self.not_before = (delay > 0).then_some(now + delay.min(patience));
            }
            State::Preparing => {
                // Each newcomer to a new group makes it wait again, up to the members' patience.
                if let (true, Some(end), Some(_)) = (grew, self.deadline, self.not_before) {
                    self.not_before = Some((now + delay).min(end));
                }
            }
            State::Completing | State::Stable => {
                self.deadline = Some(now + patience);
                self.not_before = None;
            }
        }
        self.state = State::Preparing;
        self.empty_since = None;
        self.try_complete(now, outcome);
    }

    /// Goes on if everybody is back, or time is up.
    pub(super) fn try_complete(&mut self, now: i64, outcome: &mut Outcome) {
        if self.state != State::Preparing || self.not_before.is_some_and(|time| now < time) {
            return;
        }
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        let back = self.members.values().all(|m| m.joining.is_some()) && self.pending.is_empty();
        if back || late {
            self.complete(now, outcome);
        }
    }

    fn complete(&mut self, now: i64, outcome: &mut Outcome) {
        // A static member keeps its place until its session ends.
        self.members.retain(|_, member| member.joining.is_some() || member.instance.is_some());
        let leads = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leads.is_none_or(|member| member.joining.is_none()) {
            let mut back = self.members.iter().filter(|(_, member)| member.joining.is_some());
            let first = back.next().map(|(id, _)| id.clone());
            if first.is_none() && !self.members.is_empty() {
                self.deadline = Some(now + self.patience());
                return;
            }
            self.leader = first;
        }
        self.deadline = None;
        self.not_before = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        outcome.changed = true;
        if self.members.is_empty() {
            self.protocol = None;
            self.state = State::Empty;
            self.empty_since = Some(now);
            return;
        }
        self.protocol = self.choose(self.members.values());
        self.state = State::Completing;
        self.deadline = Some(now + self.patience());
        let joined: Vec<_> = self
            .members
            .iter_mut()
            .filter_map(|(id, member)| {
                member.expires = now + member.session_ms;
                member.is_new = false;
                Some((id.clone(), member.joining.take()?))
            })
            .collect();
        for (id, token) in joined {
            outcome.replies.push(Reply::Join(token, Ok(self.answer_join(&id, false))));
        }
    }

    fn patience(&self) -> i64 {
        self.members.values().map(|member| member.rebalance_ms).max().unwrap_or(0)
    }

    /// The way to assign that all know and most like best.
    fn choose<'m>(&self, members: impl Iterator<Item = &'m Member> + Clone) -> Option<String> {
        let common = |name: &str| members.clone().all(|member| member.metadata(name).is_some());
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in members.clone() {
            let favourite = member.protocols.iter().find(|protocol| common(&protocol.name));
            *votes.entry(&favourite?.name).or_default() += 1;
        }
        let most = votes.values().copied().max()?;
        // In a tie the first member's order decides.
        let mut ordered = members.clone().next()?.protocols.iter();
        let won = ordered.find(|protocol| votes.get(&*protocol.name) == Some(&most))?;
        Some(won.name.clone())
    }

    /// The way to assign that would be chosen with this joiner among the others.
    pub(super) fn choose_with(&self, join: &Join) -> Option<String> {
        let joiner = Member::new(join, 0);
        self.choose(self.members.values().chain(std::iter::once(&joiner)))
    }
}
