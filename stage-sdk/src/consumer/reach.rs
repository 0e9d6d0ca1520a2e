//! A client that has lost all its brokers is told them again.
//!
//! librdkafka (2.12.1) forgets brokers that the cluster names no more, and one that shuts down
//! alone names none. It then begins anew from `bootstrap.servers`; but one of these that is about
//! to be forgotten counts as known, and in the end there is none left, and nothing that asks again.

use rdkafka::types::RDKafka;
use std::ffi::CString;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From the first sign to telling it again; it doubles while that does not help.
const FIRST: Duration = Duration::from_secs(2);

/// The longest: librdkafka keeps each telling, some bytes, as long as the client lives.
const LONGEST: Duration = Duration::from_secs(10);

/// When to tell a client its brokers again.
pub(super) struct Reach {
    servers: CString,
    next: Mutex<(Option<Instant>, Duration)>,
}

impl Reach {
    pub(super) fn new(servers: &str) -> Reach {
        // A text with a zero byte names no broker; the client says so itself.
        let servers = CString::new(servers).unwrap_or_default();
        Reach { servers, next: Mutex::new((None, FIRST)) }
    }

    /// All brokers are down.
    pub(super) fn lost(&self, now: Instant) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = next.1;
        if next.0.is_none() {
            *next = (Some(now + wait), (wait * 2).min(LONGEST));
        }
    }

    /// The group has answered.
    pub(super) fn found(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = (None, FIRST);
    }

    /// Whether it is time.
    fn is_due(&self, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let due = next.0.is_some_and(|at| at <= now);
        if due {
            next.0 = None;
        }
        due
    }

    /// Tells the client, if it is time.
    #[allow(unsafe_code)]
    pub(super) fn tell(&self, client: *mut RDKafka, now: Instant) {
        if self.is_due(now) {
            // SAFETY: the caller's client lives; rd_kafka_brokers_add may be called from any
            // thread and copies the text. Brokers that are known already are not added twice.
            let known = unsafe { rdkafka_sys::rd_kafka_brokers_add(client, self.servers.as_ptr()) };
            tracing::debug!(known, "all brokers were lost; the client is told them again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_later_and_later_until_the_group_answers() {
        let (reach, mut now) = (Reach::new("localhost:9092"), Instant::now());
        assert!(!reach.is_due(now));
        for wait in [2, 4, 8, 10, 10] {
            reach.lost(now);
            reach.lost(now + Duration::from_secs(1));
            assert!(!reach.is_due(now + Duration::from_millis(wait * 1000 - 1)));
            now += Duration::from_secs(wait);
            assert!(reach.is_due(now), "{wait}");
            assert!(!reach.is_due(now + LONGEST), "told twice");
        }
        reach.lost(now);
        reach.found();
        assert!(!reach.is_due(now + LONGEST));
        reach.lost(now);
        assert!(reach.is_due(now + FIRST));
    }
}
