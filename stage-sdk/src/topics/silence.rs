//! Why no broker answers, as far as librdkafka can tell: a wrong password, a certificate that is not trusted. A client
//! that administers is never told; a consumer is.

use crate::broker::Broker;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A client that asks, and listens to why it gets no answer.
pub(super) struct Silence(BaseConsumer<Ear>);

/// What was said last.
#[derive(Default)]
struct Ear(Mutex<Option<String>>);

impl Ear {
    fn heard(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Ear {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(facility, text, "client");
        // A connection that failed: after the name of a thread, and before how long it took.
        if facility == "FAIL" {
            let reason = text.split_once("]: ").map_or(text, |(_, reason)| reason);
            let reason = reason.split_once(" (after ").map_or(reason, |(reason, _)| reason);
            *self.heard() = Some(reason.to_owned());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That all are away is known, and not why.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.heard() = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Ear {}

impl Silence {
    pub(super) fn of(broker: &Broker) -> KafkaResult<Silence> {
        Ok(Silence(broker.admin().create_with_context(Ear::default())?))
    }

    /// Asks, and waits so long for an answer.
    ///
    /// # Errors
    /// Why there is none; where nothing new was said, what was said before.
    pub(super) fn ask(&self, wait: Duration) -> Result<(), String> {
        let answer = self.0.fetch_metadata(None, wait);
        // What was said meanwhile is told when it is asked for.
        while self.0.poll(Duration::ZERO).is_some() {}
        let heard = self.0.context().heard().clone();
        answer.map(drop).map_err(|error| heard.unwrap_or_else(|| error.to_string()))
    }
}
