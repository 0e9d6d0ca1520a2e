//! librdkafka can lose all its brokers for good when the only one goes away (see the SDK's
//! `consumer/reach.rs`). The tests' own clients are told them again and again.

use rdkafka::types::RDKafka;
use std::ffi::CString;
use std::time::{Duration, Instant};

pub struct Reminder {
    brokers: CString,
    next: Instant,
}

impl Reminder {
    pub fn new(brokers: &str) -> Reminder {
        Reminder { brokers: CString::new(brokers).unwrap(), next: Instant::now() }
    }

    /// Every two seconds, however often it is called.
    #[allow(unsafe_code)]
    pub fn remind(&mut self, client: *mut RDKafka) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + Duration::from_secs(2);
            // SAFETY: the caller's client lives, and the text is copied.
            unsafe { rdkafka_sys::rd_kafka_brokers_add(client, self.brokers.as_ptr()) };
        }
    }
}
