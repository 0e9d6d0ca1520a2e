//! A rebalance: everybody joins again, one protocol is chosen, a new generation begins.

use super::member::Member;
use super::state::{Group, State};
use super::{Joined, JoinedMember, Settings, Step, Synced, Time};
use kafka_protocol::error::ResponseError;

/// How long a rebalance waits for its members.
#[derive(Clone, Copy, Debug)]
pub(super) enum Joining {
    /// The group was empty: it waits a while for more to come, also when all it has are there.
    Initial { until: Time, delay: Time, remaining: Time },
    /// Until all are there, or this moment.
    Until(Time),
}

impl Group {
    /// Begins a rebalance, and ends it at once if nobody is to be waited for.
    pub(super) fn prepare(&mut self, now: Time, settings: &Settings, step: &mut Step) {
        if self.state == State::CompletingRebalance {
            self.answer_syncs(now, &Err(ResponseError::RebalanceInProgress), step);
        }
        self.unsynced.clear();
        self.sync_until = None;
        self.joining = Some(if self.state == State::Empty {
            let delay = settings.initial_rebalance_delay;
            let remaining = (self.rebalance_timeout() - delay).max(0);
            Joining::Initial { until: now + delay, delay, remaining }
        } else if self.members.is_empty() {
            // Who was only given an id is not waited for.
            Joining::Until(now)
        } else {
            Joining::Until(now + self.rebalance_timeout())
        });
        self.newcomer = false;
        self.enter(State::PreparingRebalance, now);
        self.try_complete_join(now, settings, step);
    }

    /// Ends the joining if all are there, or if it has lasted long enough.
    pub(super) fn try_complete_join(&mut self, now: Time, settings: &Settings, step: &mut Step) {
        match self.joining {
            Some(Joining::Initial { until, delay, remaining }) if now >= until => {
                if self.newcomer && remaining > 0 {
                    self.newcomer = false;
                    let next = settings.initial_rebalance_delay.min(remaining);
                    self.joining = Some(Joining::Initial {
                        until: now + next,
                        delay: next,
                        remaining: (remaining - delay).max(0),
                    });
                } else {
                    self.complete_join(now, step);
                }
            }
            Some(Joining::Until(until)) if now >= until || self.all_joined() => {
                self.complete_join(now, step);
            }
            _ => {}
        }
    }

    fn all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|m| m.awaiting_join.is_some())
    }

    fn complete_join(&mut self, now: Time, step: &mut Step) {
        let absent = |m: &Member| m.awaiting_join.is_none() && m.instance.is_none();
        let gone: Vec<String> =
            self.members.iter().filter(|(_, m)| absent(m)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.remove(&id, step);
        }
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        if leader.is_none_or(|m| m.awaiting_join.is_none()) {
            match self.first(|m| m.awaiting_join.is_some()) {
                Some(id) => self.leader = Some(id),
                None if self.members.is_empty() => {}
                None => {
                    // Only static members are left, and none is back: they stay.
                    self.joining = Some(Joining::Until(now + self.rebalance_timeout()));
                    return;
                }
            }
        }
        self.joining = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.protocol = None;
            self.subscribe();
            self.enter(State::Empty, now);
            step.records.push(self.record());
        } else {
            self.protocol = self.select_protocol();
            self.subscribe();
            self.enter(State::CompletingRebalance, now);
            self.answer_joins(now, step);
            self.unsynced = self.members.keys().cloned().collect();
            self.sync_until = Some(now + self.rebalance_timeout());
        }
    }

    fn answer_joins(&mut self, now: Time, step: &mut Step) {
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.alive(now);
            member.is_new = false;
            member.knows_id = true;
            if let Some(token) = member.awaiting_join.take() {
                waiting.push((token, id.clone()));
            }
        }
        for (token, id) in waiting {
            step.join(token, Ok(self.joined(&id, self.is_leader(&id))));
        }
    }

    /// Tells all who wait what is assigned to them, or why nothing is.
    pub(super) fn answer_syncs(
        &mut self,
        now: Time,
        result: &Result<(), ResponseError>,
        step: &mut Step,
    ) {
        for member in self.members.values_mut() {
            if let Some(token) = member.awaiting_sync.take() {
                let synced = |()| Synced {
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    assignment: member.assignment.clone(),
                };
                step.sync(token, result.map(synced));
                member.alive(now);
            }
        }
    }

    /// What a joiner is told; with all members, it is to assign.
    pub(super) fn joined(&self, member: &str, with_members: bool) -> Joined {
        let all = if with_members { self.by_place() } else { Vec::new() };
        let name = self.protocol.as_deref();
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member: member.to_owned(),
            skip_assignment: false,
            members: all
                .into_iter()
                .map(|(id, m)| JoinedMember {
                    id: id.clone(),
                    instance: m.instance.clone(),
                    metadata: m.metadata(name),
                })
                .collect(),
        }
    }

    /// All members, in the order they joined.
    pub(super) fn by_place(&self) -> Vec<(&String, &Member)> {
        let mut all: Vec<_> = self.members.iter().collect();
        all.sort_by_key(|(_, m)| m.place);
        all
    }

    pub(super) fn enter(&mut self, state: State, now: Time) {
        self.state = state;
        self.since = now;
    }
}
