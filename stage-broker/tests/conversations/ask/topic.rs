//! Topics: making them, and pointing at their partitions.

use crate::line::Line;
use crate::said::{CLIENT, Said, said, text, topic_name};
use crate::talk::{Talk, until};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest, MetadataRequest,
};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
}

/// A partition. A topic alone stands for its first one.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
}

impl From<&Topic> for Place {
    fn from(topic: &Topic) -> Place {
        (topic, 0).into()
    }
}

impl From<(&Topic, i32)> for Place {
    fn from((topic, partition): (&Topic, i32)) -> Place {
        Place { topic: topic.clone(), partition }
    }
}

impl Topic {
    /// One that nobody made.
    pub(crate) fn missing(k: &Talk) -> Topic {
        Topic { name: k.name("missing"), id: Uuid::new_v4() }
    }
}

/// A topic to be made, on this one broker.
pub(crate) fn creatable(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect())
}

pub(crate) fn create(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000)
}

impl Talk {
    /// A topic that takes records.
    pub(crate) fn topic(&mut self, partitions: i32) -> Topic {
        self.topic_with(partitions, &[])
    }

    pub(crate) fn topic_with(&mut self, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        let name = self.name("topic");
        let made = self.create(creatable(&name, partitions, configs));
        assert_eq!(said(made.error_code), Ok(()), "{made:?}");
        let topic = Topic { name, id: made.topic_id };
        self.settle(&topic, partitions);
        topic
    }

    /// Waits until each partition has its leader.
    pub(crate) fn settle(&mut self, topic: &Topic, partitions: i32) {
        for partition in 0..partitions {
            until("a leader", || self.end_of((topic, partition)).ok());
        }
    }
}

impl Line {
    pub(crate) fn create(&mut self, topic: CreatableTopic) -> CreatableTopicResult {
        self.ask(7, &create(vec![topic])).topics.remove(0)
    }

    pub(crate) fn delete(&mut self, name: &str) -> Said {
        let names = vec![topic_name(name)];
        let request =
            DeleteTopicsRequest::default().with_topic_names(names).with_timeout_ms(10_000);
        said(self.ask(5, &request).responses[0].error_code)
    }

    /// What Metadata says of a topic.
    pub(crate) fn described(&mut self, version: i16, name: &str) -> MetadataResponseTopic {
        self.ask(version, &metadata(&[name])).topics.remove(0)
    }

    /// The offset after the last record.
    pub(crate) fn end_of(&mut self, place: impl Into<Place>) -> Said<i64> {
        self.listed(4, place, -1).map(|(_, offset)| offset)
    }

    /// Timestamp and offset that ListOffsets finds for a timestamp or one of the special numbers.
    pub(crate) fn listed(
        &mut self,
        version: i16,
        place: impl Into<Place>,
        timestamp: i64,
    ) -> Said<(i64, i64)> {
        let request = list_offsets(place, timestamp);
        let found = &self.ask(version, &request).topics[0].partitions[0];
        said(found.error_code).map(|()| (found.timestamp, found.offset))
    }
}

pub(crate) fn list_offsets(place: impl Into<Place>, timestamp: i64) -> ListOffsetsRequest {
    let place = place.into();
    let partition = ListOffsetsPartition::default()
        .with_partition_index(place.partition)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(&place.topic.name))
        .with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id(CLIENT).with_topics(vec![topic])
}

pub(crate) fn metadata(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let topics = names.iter().map(topic).collect();
    MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(true)
}
