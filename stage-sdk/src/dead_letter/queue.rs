//! A dead-letter topic: its letters, and which of them are done with.

use super::DeadLetter;
use super::done::{Done, How, Mark};
use super::scan::{Ends, Scan};
use crate::broker::Broker;
use crate::kafka::Target;
use crate::service::StartError;
use crate::topics::Topics;
use std::ops::ControlFlow;

/// A dead-letter topic as it was when it was opened.
pub(super) struct Queue {
    pub(super) topic: Target,
    scan: Scan,
    pub(super) ends: Ends,
    done: Done,
}

impl Queue {
    /// Looks at a topic as a reader of committed records sees it now.
    pub(super) fn look(broker: &Broker, topics: &Topics, topic: &str) -> Result<Queue, StartError> {
        Queue::open(broker, topics, topic, "", Scan::readable)
    }

    /// As `look`, and misses nothing that was done with before: to be asked by who changes it.
    pub(super) fn settle(
        broker: &Broker,
        topics: &Topics,
        topic: &str,
        name: &str,
    ) -> Result<Queue, StartError> {
        Queue::open(broker, topics, topic, name, Scan::all)
    }

    fn open(
        broker: &Broker,
        topics: &Topics,
        topic: &str,
        name: &str,
        ends: impl FnOnce(&Scan) -> Result<Ends, StartError>,
    ) -> Result<Queue, StartError> {
        let topic = topics.target(topic)?;
        let scan = Scan::new(broker, &topic.topic, topic.partitions)?;
        let ends = ends(&scan)?;
        let mut done = Done::default();
        // A mark lies behind the letters it speaks of.
        scan.each(&ends, |record| {
            let mark = Mark::read(record).map_err(|error| {
                let place = format!("{}[{}]@{}", topic.topic, record.partition, record.offset);
                StartError::Runtime(format!("{place} {error}"))
            })?;
            if let Some(mark) = mark {
                done.add(record.partition, mark, name);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        done.sort();
        Ok(Queue { topic, scan, ends, done })
    }

    /// Shows every dead letter up to these ends, and what became of it, each partition's in order.
    pub(super) fn each(
        &self,
        ends: &Ends,
        mut visit: impl FnMut(DeadLetter, Option<How>) -> Result<ControlFlow<()>, StartError>,
    ) -> Result<(), StartError> {
        self.scan.each(ends, |record| {
            if let Ok(Some(_)) = Mark::read(record) {
                return Ok(ControlFlow::Continue(()));
            }
            let how = self.done.how(record.partition, record.offset);
            visit(DeadLetter::read(&self.topic.topic, record), how)
        })
    }
}
