//! What transactions may do, and for how long.

use super::Time;

/// Kafka's broker settings for transactions.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `transaction.max.timeout.ms`.
    pub(crate) max_timeout: Time,
    /// `transactional.id.expiration.ms`.
    pub(crate) id_expiration: Time,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub(crate) id_expiration_check: Time,
    /// How long to wait until an abort that could not be written down is tried again.
    pub(crate) retry_abort: Time,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_timeout: 900_000,
            id_expiration: 7 * 24 * 3_600_000,
            id_expiration_check: 3_600_000,
            retry_abort: 1_000,
        }
    }
}
