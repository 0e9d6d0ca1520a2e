//! Topics come and go.

use crate::place::Place;
use anyhow::{Context, Result, bail, ensure};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use std::time::{Duration, Instant};

/// Unless a measurement is about their number.
pub(crate) const PARTITIONS: i32 = 4;

const ASK: Duration = Duration::from_secs(5);

pub(crate) struct Topics(AdminClient<DefaultClientContext>);

impl Topics {
    pub(crate) fn connect(place: &Place) -> Result<Topics> {
        Ok(Topics(place.broker().admin().create().context("admin client")?))
    }

    /// Creates the topic unless it is there, and waits until it can be written.
    pub(crate) fn create(&self, topic: &str) -> Result<()> {
        self.create_with(topic, PARTITIONS)
    }

    pub(crate) fn create_with(&self, topic: &str, partitions: i32) -> Result<()> {
        let new =
            NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let options = AdminOptions::new().request_timeout(Some(ASK));
        for answer in block_on(self.0.create_topics([&new], &options))? {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => bail!("topic {topic} cannot be created: {code}"),
            }
        }
        let until = Instant::now() + 3 * ASK;
        // A leader that is named may still have to learn that it is one.
        while let Err(error) = self.led(topic, partitions) {
            ensure!(Instant::now() < until, "topic {topic} is created and not there: {error:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn delete(&self, topic: &str) -> Result<()> {
        let options = AdminOptions::new().request_timeout(Some(ASK));
        block_on(self.0.delete_topics(&[topic], &options))?;
        Ok(())
    }

    fn led(&self, topic: &str, partitions: i32) -> Result<()> {
        let ends = self.ends(topic)?;
        ensure!(ends.len() == partitions as usize, "it has {} partitions", ends.len());
        Ok(())
    }

    /// The end of each partition; an error unless all have a leader.
    pub(crate) fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let metadata = self.0.inner().fetch_metadata(Some(topic), ASK)?;
        let all = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let mut numbers: Vec<i32> = all
            .map(|partition| {
                ensure!(partition.leader() >= 0, "partition {} has no leader", partition.id());
                Ok(partition.id())
            })
            .collect::<Result<_>>()?;
        numbers.sort_unstable();
        let end = |number| Ok(self.0.inner().fetch_watermarks(topic, number, ASK)?.1);
        numbers.into_iter().map(end).collect()
    }
}
