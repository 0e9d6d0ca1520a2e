//! Why no broker answers, as far as librdkafka can tell: a wrong password, a certificate that is not trusted. A client
//! that administers is never told; a consumer is.

use crate::broker::Broker;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A client that asks, and listens to why it gets no answer.
pub(super) struct Silence(BaseConsumer<Ear>);

#[derive(Default)]
struct Ear(Mutex<Option<String>>);

impl ClientContext for Ear {
    fn error(&self, error: KafkaError, reason: &str) {
        // That all are away is known, and not why.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
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
    /// Why there is none.
    pub(super) fn ask(&self, wait: Duration) -> Result<(), String> {
        let answer = self.0.fetch_metadata(None, wait);
        // What was said meanwhile is told when it is asked for.
        while self.0.poll(Duration::ZERO).is_some() {}
        let heard = self.0.context().0.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.map(drop).map_err(|error| heard.unwrap_or_else(|| error.to_string()))
    }
}
