//! Asks the broker; every question has an end.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use stage_sdk::broker::{Broker, Quiet};
use std::time::Duration;

/// One question.
const ASK: Duration = Duration::from_secs(2);

/// What a question brought.
pub(super) enum Found {
    /// The broker does not answer now.
    Away,
    /// It answers, and something only an operator mends is wrong.
    Wrong(String),
    /// The cluster's id.
    Cluster(String),
}

/// A connection for questions.
pub(super) struct Client {
    config: ClientConfig,
    consumer: BaseConsumer<Quiet>,
    first: String,
    last: String,
}

impl Client {
    pub(super) fn new(broker: &Broker, first: &str, last: &str) -> KafkaResult<Client> {
        let mut config = broker.admin();
        // It joins none; without one there is no queue to serve.
        config.set("group.id", "pizza-api.look");
        let consumer = config.create_with_context(Quiet)?;
        Ok(Client { config, consumer, first: first.to_owned(), last: last.to_owned() })
    }

    /// A new connection in place of one that gets no answer: it may have lost its brokers for good.
    pub(super) fn again(&self) -> KafkaResult<Client> {
        let config = self.config.clone();
        let consumer = config.create_with_context(Quiet)?;
        Ok(Client { config, consumer, first: self.first.clone(), last: self.last.clone() })
    }

    /// Which cluster it is, and whether the topic for orders is there.
    pub(super) fn ask(&self) -> Found {
        // Serves what came up since the last question, such as lost connections.
        while self.consumer.poll(Duration::ZERO).is_some() {}
        let Ok(metadata) = self.consumer.fetch_metadata(Some(&self.first), ASK) else {
            return Found::Away;
        };
        let error = metadata.topics().first().and_then(|topic| topic.error());
        match error.map(RDKafkaErrorCode::from) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Found::Wrong(format!(
                "topic {} does not exist; create it with: pizza topics apply",
                self.first
            )),
            Some(error) => {
                tracing::debug!(topic = self.first, %error, "metadata");
                Found::Away
            }
            None => {
                let id = self.consumer.client().fetch_cluster_id(ASK);
                id.map_or(Found::Away, Found::Cluster)
            }
        }
    }

    /// First and next offset of each partition of the last topic.
    pub(super) fn ends(&self) -> KafkaResult<Vec<(i64, i64)>> {
        let metadata = self.consumer.fetch_metadata(Some(&self.last), ASK)?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        (0..count as i32)
            .map(|partition| self.consumer.fetch_watermarks(&self.last, partition, ASK))
            .collect()
    }
}
