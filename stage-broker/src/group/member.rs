//! One member of a group.

use super::{Join, Token};
use bytes::Bytes;

/// A way to assign, and what the member says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_ms: i64,
    pub(crate) rebalance_ms: i64,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// Without a sign of life it is out at this time.
    pub(super) expires: i64,
    /// It was never told its id.
    pub(super) is_new: bool,
    /// Its parked requests.
    pub(super) joining: Option<Token>,
    pub(super) syncing: Option<Token>,
}

impl Member {
    pub(super) fn new(join: &Join, now: i64) -> Member {
        Member {
            instance: join.instance.clone(),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            session_ms: join.session_ms,
            rebalance_ms: join.rebalance_ms,
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            expires: now + join.session_ms,
            is_new: false,
            joining: None,
            syncing: None,
        }
    }

    /// What it says about a way to assign.
    pub(crate) fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|known| known.name == protocol).map(|known| &known.metadata)
    }

    /// Whether it is out, unless it waits for us.
    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.joining.is_none() && self.syncing.is_none() && self.expires <= now
    }
}
