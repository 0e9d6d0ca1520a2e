//! A consumer group, as the classic protocol has it: who is in, who leads, what generation it is.
//!
//! It decides and does nothing else: no I/O, and the time is an argument. A request that cannot be
//! answered yet is parked under its caller's token; its answer comes out of a later step.

mod join;
mod leave;
pub(crate) mod member;
mod rebalance;
pub(crate) mod remembered;
mod sync;
mod tick;

#[cfg(test)]
mod tests;

pub(crate) use member::{Member, Protocol};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use std::collections::BTreeMap;

/// A parked request.
pub(crate) type Token = u64;

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is in it.
    Empty,
    /// Members are coming back.
    Preparing,
    /// The leader is assigning.
    Completing,
    /// Everybody knows what is theirs.
    Stable,
}

impl State {
    /// Kafka's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Preparing => "PreparingRebalance",
            State::Completing => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A member wants in, or back in.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Empty: a new one.
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_ms: i64,
    pub(crate) rebalance_ms: i64,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<Protocol>,
    /// A new member must come twice, the second time with the id it was given.
    pub(crate) id_first: bool,
    /// What a new member is called, and what its request is parked under.
    pub(crate) new_id: String,
    pub(crate) token: Token,
}

/// What a joiner is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: String,
    pub(crate) member: String,
    /// All members with what they said about the protocol, for the leader: id, instance, metadata.
    pub(crate) members: Vec<(String, Option<String>, Bytes)>,
    /// The leader need not assign: nothing changed.
    pub(crate) skip_assignment: bool,
}

/// A member wants to know what is theirs; the leader says so for all.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) who: Who,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignments: BTreeMap<String, Bytes>,
    pub(crate) token: Token,
}

/// What a member is told in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignment: Bytes,
}

/// Who says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
}

/// An answer to a request, now or parked before. An error of a joiner comes with its member id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Join(Token, Result<Joined, (ResponseError, String)>),
    Sync(Token, Result<Synced, ResponseError>),
}

/// What came out of a step.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) replies: Vec<Reply>,
    /// The group must be written down before anybody is told.
    pub(crate) changed: bool,
}

/// What a group may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_members: usize,
    pub(crate) initial_delay_ms: i64,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) state: State,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<String>,
    pub(crate) members: BTreeMap<String, Member>,
    /// Which member has an instance id.
    instances: BTreeMap<String, String>,
    /// Ids that were given out and have not come back yet, and until when they may.
    pending: BTreeMap<String, i64>,
    /// When the rebalance goes on without who is missing.
    deadline: Option<i64>,
    /// While a new group waits for more members: not before this.
    not_before: Option<i64>,
    /// Since when it is empty.
    pub(crate) empty_since: Option<i64>,
    limits: Limits,
}

impl Group {
    /// A group that nobody is in.
    pub(crate) fn new(limits: Limits, now: i64) -> Group {
        Group {
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            deadline: None,
            not_before: None,
            empty_since: Some(now),
            limits,
        }
    }

    /// Whether this is a member, in its own name and of this life.
    fn check_member(&self, who: &Who) -> Result<(), ResponseError> {
        if let Some(instance) = &who.instance {
            match self.instances.get(instance) {
                Some(member) if *member == who.member => {}
                Some(_) => return Err(ResponseError::FencedInstanceId),
                None => return Err(ResponseError::UnknownMemberId),
            }
        }
        if self.members.contains_key(&who.member) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Whether this is a member of the current generation.
    fn check(&self, who: &Who) -> Result<(), ResponseError> {
        self.check_member(who)?;
        if who.generation == self.generation {
            Ok(())
        } else {
            Err(ResponseError::IllegalGeneration)
        }
    }

    /// Whether offsets may be committed in this name; a commit is a sign of life.
    pub(crate) fn check_commit(
        &mut self,
        who: &Who,
        transactional: bool,
        now: i64,
    ) -> Result<(), ResponseError> {
        let nobody = who.generation < 0 && who.member.is_empty() && who.instance.is_none();
        if nobody && (transactional || self.state == State::Empty) {
            return Ok(());
        }
        if transactional && who.generation < 0 {
            return self.check_member(who);
        }
        self.check(who)?;
        if self.state == State::Completing && !transactional {
            return Err(ResponseError::RebalanceInProgress);
        }
        self.alive(&who.member, now);
        Ok(())
    }

    /// A sign of life; whether the member must come back.
    pub(crate) fn heartbeat(&mut self, who: &Who, now: i64) -> Result<(), ResponseError> {
        self.check(who)?;
        self.alive(&who.member, now);
        match self.state {
            State::Empty => Err(ResponseError::UnknownMemberId),
            State::Preparing => Err(ResponseError::RebalanceInProgress),
            State::Completing | State::Stable => Ok(()),
        }
    }

    fn alive(&mut self, member: &str, now: i64) {
        if let Some(member) = self.members.get_mut(member) {
            member.expires = now + member.session_ms;
        }
    }
}
