//! One group: who is in it, and where it stands.

use super::member::Member;
use super::offsets::Offsets;
use super::rebalance::Joining;
use super::step::Step;
use super::{Time, Who};
use kafka_protocol::error::ResponseError;
use std::collections::{BTreeMap, BTreeSet};

/// Where a group stands. (A group that Kafka calls Dead does not exist here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is in it.
    Empty,
    /// Its members are to join again.
    PreparingRebalance,
    /// All have joined; the leader is to assign.
    CompletingRebalance,
    /// Everybody can know what is assigned to them.
    Stable,
}

impl State {
    /// Kafka's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A group and its offsets.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: State,
    /// When it got to its state.
    pub(super) since: Time,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Which member has an instance id.
    pub(super) instances: BTreeMap<String, String>,
    /// Ids that were given out and have not joined yet, and until when they may.
    pub(super) pending: BTreeMap<String, Time>,
    /// How long members may join; only in PreparingRebalance.
    pub(super) joining: Option<Joining>,
    /// Somebody joined since the initial delay was last prolonged.
    pub(super) newcomer: bool,
    /// Who has not asked for its assignment in this generation, and until when it may.
    pub(super) unsynced: BTreeSet<String>,
    pub(super) sync_until: Option<Time>,
    /// Topics that its members consume, if it is a consumer group and they can be read.
    pub(super) subscribed: Option<BTreeSet<String>>,
    pub(super) next_place: u64,
    /// When the coordinator looks at it next.
    pub(super) due: Option<Time>,
    pub(super) offsets: Offsets,
    /// Offsets in open transactions, by producer id.
    pub(super) open: BTreeMap<i64, Offsets>,
}

impl Group {
    /// A group that nobody is in.
    pub(super) fn new(id: &str, now: Time) -> Group {
        Group {
            id: id.to_owned(),
            state: State::Empty,
            since: now,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            joining: None,
            newcomer: false,
            unsynced: BTreeSet::new(),
            sync_until: None,
            subscribed: None,
            next_place: 0,
            due: None,
            offsets: Offsets::default(),
            open: BTreeMap::new(),
        }
    }

    /// Whether this is a member, and its instance's present one.
    pub(super) fn check_member(&self, who: &Who<'_>) -> Result<(), ResponseError> {
        if let Some(instance) = who.instance {
            match self.instances.get(instance) {
                Some(member) if member == who.member => {}
                Some(_) => return Err(ResponseError::FencedInstanceId),
                None => return Err(ResponseError::UnknownMemberId),
            }
        }
        if self.members.contains_key(who.member) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Whether this is a member of the present generation.
    pub(super) fn check(&self, who: &Who<'_>) -> Result<(), ResponseError> {
        self.check_member(who)?;
        if who.generation == self.generation {
            Ok(())
        } else {
            Err(ResponseError::IllegalGeneration)
        }
    }

    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// The first to have joined, of those that `among` holds.
    pub(super) fn first(&self, among: impl Fn(&Member) -> bool) -> Option<String> {
        let members = self.members.iter().filter(|(_, m)| among(m));
        members.min_by_key(|(_, m)| m.place).map(|(id, _)| id.clone())
    }

    /// The longest that a member asked for; never nothing, so that waiting always ends later.
    pub(super) fn rebalance_timeout(&self) -> Time {
        self.members.values().map(|m| m.rebalance_timeout).max().unwrap_or(0).max(1)
    }

    /// Takes a member out, also one that has not joined yet; what it waits for is refused.
    pub(super) fn remove(&mut self, id: &str, step: &mut Step) {
        if let Some(member) = self.members.remove(id) {
            if let Some(token) = member.awaiting_join {
                step.refuse_join(token, ResponseError::UnknownMemberId, "");
            }
            if let Some(token) = member.awaiting_sync {
                step.sync(token, Err(ResponseError::UnknownMemberId));
            }
            if let Some(instance) = &member.instance {
                self.instances.remove(instance);
            }
        }
        if self.is_leader(id) {
            self.leader = self.first(|_| true);
        }
        self.pending.remove(id);
        self.synced(id);
    }

    /// This member is not waited for any more to ask for its assignment.
    pub(super) fn synced(&mut self, id: &str) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            self.sync_until = None;
        }
    }
}
