//! What groups may do, and for how long.

use super::Time;

/// Kafka's broker settings for groups and offsets.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub(crate) initial_rebalance_delay: Time,
    /// `group.min.session.timeout.ms`.
    pub(crate) min_session_timeout: Time,
    /// `group.max.session.timeout.ms`.
    pub(crate) max_session_timeout: Time,
    /// `group.max.size`: members of one group.
    pub(crate) max_size: usize,
    /// `offset.metadata.max.bytes`, counted as Kafka does: in UTF-16 units.
    pub(crate) max_metadata: usize,
    /// `offsets.retention.minutes`, as milliseconds.
    pub(crate) offsets_retention: Time,
    /// `offsets.retention.check.interval.ms`.
    pub(crate) offsets_retention_check: Time,
    /// How long a new member may wait for its first rebalance to end (fixed in Kafka).
    pub(crate) new_member_timeout: Time,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            initial_rebalance_delay: 0,
            min_session_timeout: 6_000,
            max_session_timeout: 1_800_000,
            max_size: i32::MAX as usize,
            max_metadata: 4_096,
            offsets_retention: 7 * 24 * 3_600_000,
            offsets_retention_check: 600_000,
            new_member_timeout: 300_000,
        }
    }
}
