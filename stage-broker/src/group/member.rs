//! One member of a group.

use super::record::StoredMember;
use super::{Time, Token};
use bytes::Bytes;

/// An assignment protocol that a member can follow, and what it says about itself in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    /// The assignor's name.
    pub(crate) name: String,
    /// For the leader to read; Kafka's groups look into it only for the topics of consumers.
    pub(crate) metadata: Bytes,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The earlier joined, the lower.
    pub(super) place: u64,
    pub(super) instance: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout: Time,
    pub(super) session_timeout: Time,
    /// In its order of preference.
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// When it is taken for dead, unless it waits for an answer.
    pub(super) expires: Time,
    /// It has not been through a rebalance yet: it can expire while it waits.
    pub(super) is_new: bool,
    /// It was told its id, and can come back under it.
    pub(super) knows_id: bool,
    pub(super) awaiting_join: Option<Token>,
    pub(super) awaiting_sync: Option<Token>,
}

impl Member {
    /// What it says about itself in a protocol.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let find = |name| self.protocols.iter().find(|p| p.name == name);
        protocol.and_then(find).map(|p| p.metadata.clone()).unwrap_or_default()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|p| p.name == protocol)
    }

    /// A sign of life.
    pub(super) fn alive(&mut self, now: Time) {
        self.expires = now + self.session_timeout;
    }

    /// When it expires if it stays silent; none while it waits for us.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waits = self.awaiting_join.is_some() || self.awaiting_sync.is_some();
        (self.is_new || !waits).then_some(self.expires)
    }

    pub(super) fn stored(&self, id: &str, protocol: Option<&str>) -> StoredMember {
        StoredMember {
            id: id.to_owned(),
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout: self.rebalance_timeout,
            session_timeout: self.session_timeout,
            subscription: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }

    /// As it was stored, with a whole session ahead of it.
    pub(super) fn restored(s: StoredMember, protocol: &str, place: u64, now: Time) -> Member {
        Member {
            place,
            instance: s.instance,
            client_id: s.client_id,
            client_host: s.client_host,
            rebalance_timeout: s.rebalance_timeout,
            session_timeout: s.session_timeout,
            protocols: vec![Protocol { name: protocol.to_owned(), metadata: s.subscription }],
            assignment: s.assignment,
            expires: now + s.session_timeout,
            is_new: false,
            knows_id: true,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }
}
