//! What a worker must know of its topics before it starts.

mod silence;

use crate::broker::{Broker, Quiet};
use crate::kafka::Target;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, ConfigSource, ResourceSpecifier};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use silence::Silence;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a start waits for a broker.
const WAIT: Duration = Duration::from_secs(30);

/// One question to the broker.
const ASK: Duration = Duration::from_secs(3);

/// Why the topics cannot be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No broker answered.
    Away(String),
    /// A topic is not there.
    Missing(String),
}

/// A topic's settings by name.
type Settings = BTreeMap<String, String>;

impl From<Trouble> for crate::StartError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(text) => crate::StartError::Runtime(text),
            Trouble::Missing(text) => crate::StartError::Usage(text),
        }
    }
}

pub(crate) struct Topics {
    pub(crate) admin: AdminClient<Quiet>,
}

impl Topics {
    /// Waits until a broker answers, and says so while it waits.
    pub(crate) fn connect(broker: &Broker) -> Result<Topics, Trouble> {
        let away = |error: String| {
            Trouble::Away(format!("no broker at {}: {error}; is it running there?", broker.servers))
        };
        let admin: AdminClient<_> =
            broker.admin().create_with_context(Quiet).map_err(|error| away(error.to_string()))?;
        if admin.inner().fetch_metadata(None, ASK).is_ok() {
            return Ok(Topics { admin });
        }
        let silence = Silence::of(broker).map_err(|error| away(error.to_string()))?;
        let started = Instant::now();
        loop {
            match silence.ask(ASK) {
                Ok(()) => return Ok(Topics { admin }),
                Err(reason) if started.elapsed() > WAIT => return Err(away(reason)),
                Err(reason) => tracing::warn!(
                    "waiting for a broker at {} ({} of {} s): {reason}",
                    broker.servers,
                    started.elapsed().as_secs(),
                    WAIT.as_secs(),
                ),
            }
        }
    }

    /// The topic's partitions and limits.
    pub(crate) fn target(&self, topic: &str) -> Result<Target, Trouble> {
        let Some((partitions, config)) = self.describe(topic)? else {
            let text = format!(
                "topic {topic} does not exist; create it with a tool of Kafka's, or all that topics.toml declares with: pizza topics apply"
            );
            return Err(Trouble::Missing(text));
        };
        let limit = config.get("max.message.bytes").and_then(|limit| limit.parse().ok());
        Ok(Target { topic: topic.to_owned(), partitions, limit: limit.unwrap_or(1_048_588) })
    }

    /// The topic's partitions and effective settings; none: it does not exist.
    pub(crate) fn describe(&self, topic: &str) -> Result<Option<(i32, Settings)>, Trouble> {
        let until = Instant::now() + WAIT;
        loop {
            match self.ask(topic) {
                Ok(found) => return Ok(Some(found)),
                Err(error) => match error.rdkafka_error_code() {
                    Some(
                        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
                    ) => return Ok(None),
                    // A topic that was just made has no leader for a moment.
                    _ if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
                    _ => {
                        let text = format!("topic {topic} cannot be looked at: {error}");
                        return Err(Trouble::Away(text));
                    }
                },
            }
        }
    }

    /// Whether the broker gives the topic's records their time.
    pub(crate) fn has_append_time(&self, topic: &str) -> Result<bool, Trouble> {
        let found = self.describe(topic)?;
        let kind = found.and_then(|(_, mut config)| config.remove("message.timestamp.type"));
        Ok(kind.as_deref() == Some("LogAppendTime"))
    }

    /// The settings made for the topic itself.
    pub(crate) fn own_settings(&self, topic: &str) -> Result<Settings, Trouble> {
        let failed = |error: KafkaError| {
            Trouble::Away(format!("the settings of topic {topic} cannot be read: {error}"))
        };
        let entries = self.entries(topic).map_err(failed)?;
        let own = entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        Ok(own.filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    /// Deletes the records before these offsets, by partition; gives how many offsets that freed.
    pub(crate) fn delete_before(
        &self,
        topic: &str,
        offsets: &BTreeMap<i32, i64>,
    ) -> Result<i64, Trouble> {
        let delete = || -> KafkaResult<i64> {
            let (mut list, mut freed) = (TopicPartitionList::new(), 0);
            for (number, offset) in offsets {
                let (first, _) = self.admin.inner().fetch_watermarks(topic, *number, ASK)?;
                if first < *offset {
                    list.add_partition_offset(topic, *number, Offset::Offset(*offset))?;
                    freed += offset - first;
                }
            }
            if freed > 0 {
                let options = AdminOptions::new().request_timeout(Some(ASK));
                let deleted =
                    futures::executor::block_on(self.admin.delete_records(&list, &options))?;
                deleted.elements().iter().try_for_each(|element| element.error())?;
            }
            Ok(freed)
        };
        delete().map_err(|error| {
            let text = format!("the beginning of topic {topic} cannot be deleted: {error}");
            Trouble::Away(text)
        })
    }

    fn ask(&self, topic: &str) -> KafkaResult<(i32, Settings)> {
        let metadata = self.admin.inner().fetch_metadata(Some(topic), ASK)?;
        let found = metadata.topics().first();
        if let Some(error) = found.and_then(|topic| topic.error()) {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let partitions = found.map_or(0, |topic| topic.partitions().len());
        let entries = self.entries(topic)?.into_iter();
        let settings = entries.filter_map(|entry| Some((entry.name, entry.value?))).collect();
        Ok((partitions as i32, settings))
    }

    fn entries(&self, topic: &str) -> KafkaResult<Vec<ConfigEntry>> {
        let options = AdminOptions::new().request_timeout(Some(ASK));
        let topics = [ResourceSpecifier::Topic(topic)];
        let described =
            futures::executor::block_on(self.admin.describe_configs(&topics, &options))?;
        match described.into_iter().next() {
            Some(resource) => Ok(resource.map_err(KafkaError::AdminOp)?.entries),
            None => Ok(Vec::new()),
        }
    }
}
