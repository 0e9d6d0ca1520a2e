//! A transaction that is done with dead letters: what goes out for them, and the marks that say so,
//! take effect together or not at all.

use super::done::{How, Mark};
use crate::broker::Broker;
use crate::core::Ended;
use crate::producer::{Message, Producer};
use crate::record::Headers;
use crate::service::StartError;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// How long the broker may take to end what a predecessor left open.
const OPEN: Duration = Duration::from_secs(30);

/// Whoever is done with letters of a topic under a name: one at a time, a later one takes over.
pub(super) struct Clerk<'q> {
    producer: Producer,
    topic: &'q str,
    how: How,
    name: &'q str,
}

impl<'q> Clerk<'q> {
    /// When this returns, all predecessors are fenced and what they left open is undone: only now
    /// the topic tells what is done with.
    ///
    /// `limit`: the largest record of any target; `batch`: the largest batch all of them take.
    pub(super) fn take_over(
        broker: &Broker,
        topic: &'q str,
        (how, name): (How, &'q str),
        (limit, batch): (usize, usize),
    ) -> Result<Clerk<'q>, StartError> {
        let identity = match name {
            "" => format!("{topic}.replay"),
            name => format!("{topic}.replay.{name}"),
        };
        let config = broker.producer(Some(&identity), limit, batch);
        let producer = Producer::open(&config, OPEN).map_err(|error| {
            StartError::Runtime(format!("transactional id {identity} cannot be used: {error}"))
        })?;
        Ok(Clerk { producer, topic, how, name })
    }

    /// Whether a later one has taken over; or the broker has given up a transaction of ours, which took too long.
    pub(super) fn is_fenced(&self) -> bool {
        self.producer.is_fenced()
    }

    /// Sends these messages and marks these letters, by partition, in one transaction.
    ///
    /// # Errors
    /// How it ended instead. Whether it took effect is then seen in the topic, after another
    /// `take_over`.
    pub(super) fn settle<'m>(
        &self,
        messages: impl Iterator<Item = Message<'m>>,
        letters: &BTreeMap<i32, Vec<i64>>,
    ) -> Result<(), Ended> {
        self.producer.begin().map_err(unsent)?;
        for message in messages {
            self.producer.send(message).map_err(unsent)?;
        }
        for (partition, offsets) in letters {
            let mut mark = Mark::new(self.how, self.name);
            offsets.iter().for_each(|offset| mark.add(*offset));
            let (key, headers, value) = mark.record();
            let message = Message {
                topic: self.topic,
                partition: Some(*partition),
                key: Some(key.as_bytes()),
                value: Some(&value),
                headers: Headers::new(&headers),
                time: -1,
            };
            self.producer.send(message).map_err(unsent)?;
        }
        self.producer.flush()?;
        match self.producer.commit() {
            Ended::Committed => Ok(()),
            ended => Err(ended),
        }
    }
}

/// The largest batch for a topic that takes records of this size, and for others of the usual size.
pub(super) fn batch_limit(limit: usize) -> usize {
    limit.min(1_048_588)
}

fn unsent(error: impl Display) -> Ended {
    tracing::debug!(%error, "send");
    Ended::Aborted
}
