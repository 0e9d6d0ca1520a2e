//! How long to wait, how often to try, and when to give up.

use std::time::Duration;

/// What a stage does with a record that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Try again where it is; its key waits, others go on.
    InPlace,
    /// Try again where it is for [`Retry::in_place_for`]; then park it, and all that comes of its key,
    /// in the retry topic, where they are worked off in order.
    Ordered,
    /// As [`Policy::Ordered`], but alone: what follows of its key passes it, and their order is lost.
    RetryTopic,
    /// To the dead letters at the first failure.
    DeadLetter,
    /// Stop the worker; the record is not committed.
    Stop,
}

impl Policy {
    /// Whether records that failed wait in a retry topic.
    pub fn parks(self) -> bool {
        matches!(self, Policy::Ordered | Policy::RetryTopic)
    }
}

/// What happens when the attempts are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The record goes to the dead letters, its key goes on.
    DeadLetter,
    /// The worker stops; the record is not committed.
    Stop,
    /// The record stays parked, and with [`Policy::Ordered`] its key blocked, until somebody decides.
    /// Only where the policy [parks](Policy::parks).
    Hold,
}

/// The retry policy of a stage.
///
/// ```
/// use stage_sdk::core::{Exhausted, Policy, Retry};
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Result};
/// use std::time::Duration;
///
/// fn never(_: Bytes<Vec<u8>>, _: &Context) -> Result<()> {
///     Err(std::io::Error::other("cold"))?
/// }
///
/// let retry = Retry { attempts: 3, exhausted: Exhausted::DeadLetter, ..Retry::default() };
/// let mut test = Test::of(never).retry(Retry { policy: Policy::InPlace, ..retry });
/// test.given("k", "");
/// test.passes(Duration::from_secs(1));
/// test.then_dead_letter("k", "retries-exhausted");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// What a failure leads to.
    pub policy: Policy,
    /// How often a record is tried, the first time included.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// What follows the last attempt.
    pub exhausted: Exhausted,
    /// How long a record is tried where it is before it is parked.
    pub in_place_for: Duration,
    /// Records parked of one partition before its input waits; each takes 100 to 300 bytes of memory.
    pub max_parked: usize,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            policy: Policy::InPlace,
            attempts: 8,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
            exhausted: Exhausted::DeadLetter,
            in_place_for: Duration::from_secs(1),
            max_parked: 250_000,
        }
    }
}

impl Retry {
    /// The key a record is parked under; none: by itself.
    pub(super) fn lane_key(&self, key: Option<u64>) -> Option<u64> {
        key.filter(|_| self.policy == Policy::Ordered)
    }

    /// The wait after this many failures: exponential, less up to a quarter, so that records that
    /// failed together do not come back together. `salt` tells them apart.
    pub fn wait(&self, failures: u32, salt: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let mixed = (salt ^ u64::from(failures)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let full = doubled.min(self.longest);
        full - full.mul_f64(mixed as f64 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::default();
        for (failures, full) in
            [(1, 200), (2, 400), (4, 1600), (9, 30_000), (4_000_000_000, 30_000)]
        {
            let full = Duration::from_millis(full);
            let wait = retry.wait(failures, 7);
            assert!(wait <= full && wait >= full.mul_f64(0.75), "{failures}: {wait:?}");
        }
    }
}
