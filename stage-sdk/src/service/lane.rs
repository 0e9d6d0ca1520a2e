//! The topics of a retry lane, as a worker needs them.

use super::{Delivery, Service, StartError};
use crate::core::{Exhausted, Policy};
use crate::kafka::Target;
use crate::lane;
use crate::topics::Topics;

/// What a record has in the retry topic only, or a note besides the key.
const HEADERS: usize = 4096;

impl Service {
    /// What is held must be parked.
    pub(super) fn holds_what_it_parks(&self) -> Result<(), StartError> {
        let retry = &self.settings.retry;
        if retry.exhausted != Exhausted::Hold || retry.policy.parks() {
            return Ok(());
        }
        Err(StartError::Usage(format!(
            "stage {:?} is to hold what cannot be done, and its policy parks nothing: use exhausted = \"dead-letter\" or \"stop\", or policy ordered or retry-topic",
            self.stage
        )))
    }

    /// The retry and the redirect topic, if the policy parks records.
    ///
    /// # Errors
    /// One of them is not as it must be: records or their order could be lost.
    pub(super) fn lane(
        &self,
        topics: &Topics,
        input: &Target,
    ) -> Result<Option<(Target, Target)>, StartError> {
        if !self.settings.retry.policy.parks() {
            return self.nothing_parked(topics, input).map(|()| None);
        }
        if self.delivery == Delivery::AtLeastOnce {
            return Err(StartError::Usage(format!(
                "stage {:?} parks records, which needs transactions: at least once a crash could free a key whose output is lost; leave --delivery at exactly-once, or use policy in-place, dead-letter or stop",
                self.stage
            )));
        }
        if self.key_required && self.settings.retry.policy == Policy::RetryTopic {
            return Err(StartError::Usage(format!(
                "stage {:?} requires keys, so their order matters, and policy retry-topic gives it up; use policy ordered",
                self.stage
            )));
        }
        let retry = topics.target(&self.retry_topic)?;
        let redirect = topics.target(&self.redirect_topic)?;
        for target in [&retry, &redirect] {
            if target.partitions != input.partitions {
                return Err(self.wrong(format!(
                    "topic {} has {} partitions and {}, whose records it takes, has {}",
                    target.topic, target.partitions, self.input, input.partitions
                )));
            }
        }
        let needs = [(&retry, input.limit + HEADERS), (&redirect, 2 * input.limit + HEADERS)];
        if let Some((target, need)) = needs.iter().find(|(target, need)| target.limit < *need) {
            return Err(self.wrong(format!(
                "topic {} takes records of {} bytes and {} has some of {}: give it max.message.bytes = {need}",
                target.topic, target.limit, self.input, input.limit
            )));
        }
        let stays = "a parked record must stay until it is done";
        let settings = [
            ("cleanup.policy", "delete", stays),
            ("retention.ms", "-1", stays),
            ("retention.bytes", "-1", stays),
            ("message.timestamp.type", "CreateTime", "a record keeps its time there"),
        ];
        self.is_set(topics, &retry.topic, &settings)?;
        let known = "what is parked must be known for ever";
        self.is_set(topics, &redirect.topic, &[("cleanup.policy", "compact", known)])?;
        Ok(Some((retry, redirect)))
    }

    /// A topic has these settings: name, value, why.
    fn is_set(
        &self,
        topics: &Topics,
        topic: &str,
        wanted: &[(&str, &str, &str)],
    ) -> Result<(), StartError> {
        let settings = topics.describe(topic)?.map(|(_, settings)| settings).unwrap_or_default();
        for (name, value, why) in wanted {
            let found = settings.get(*name).map_or("", String::as_str);
            if found != *value {
                return Err(self.wrong(format!(
                    "topic {topic} has {name} = {found:?} and needs {value:?}: {why}"
                )));
            }
        }
        Ok(())
    }

    /// What an earlier policy parked would never come out again, and its keys' next records before it.
    fn nothing_parked(&self, topics: &Topics, input: &Target) -> Result<(), StartError> {
        if self.redirect_topic.is_empty() || topics.describe(&self.redirect_topic)?.is_none() {
            return Ok(());
        }
        let lane = lane::Topics {
            input: self.input.clone(),
            retry: self.retry_topic.clone(),
            redirect: self.redirect_topic.clone(),
        };
        let parked = lane::parked(&self.broker, &lane, input.partitions);
        match parked.map_err(StartError::Runtime)? {
            0 => Ok(()),
            parked => Err(StartError::Usage(format!(
                "stage {:?} has {parked} records waiting in {}, and its policy would leave them there; let it work them off with retry = {{ policy = \"ordered\" }} first",
                self.stage, self.retry_topic
            ))),
        }
    }

    fn wrong(&self, text: String) -> StartError {
        StartError::Usage(format!(
            "{text} (stage {:?}, whose policy parks records; pizza topics plan shows what to change)",
            self.stage
        ))
    }
}
