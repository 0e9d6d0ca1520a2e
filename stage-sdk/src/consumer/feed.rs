//! The records of each partition by themselves, for stages whose handlers wait: one of its partitions may
//! be held up again and again. A partition that is not read keeps what was fetched ahead of it, and no more
//! of it is fetched; a pause of librdkafka's would throw that away, to fetch it again at once.
//!
//! A stage that never waits reads all partitions from one queue: librdkafka (2.12.1) has one fetch on its
//! way, and one that asks for the ends of some partitions only, since the others have enough, holds all up
//! for 100 ms. To outlast that, each would need as much fetched ahead as all of them have together now.

use super::{Consumer, Next, Notes};
use crate::core::Partition;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, KafkaResult};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Records of one partition in a row, if there are as many.
const RUN: usize = 512;

/// One partition's.
pub(crate) struct Feed {
    partition: Partition,
    queue: PartitionQueue<Notes>,
    /// Not read at the moment.
    paused: Cell<bool>,
}

impl Feed {
    /// What comes next.
    pub(crate) fn next(&self) -> Result<Next<'_>, KafkaError> {
        if self.paused.get() {
            return Ok(Next::Nothing);
        }
        Next::of(self.queue.poll(Duration::ZERO), false)
    }
}

/// Those that are ours.
pub(crate) struct Feeds {
    /// Whether partitions are read by themselves at all.
    pub(crate) apart: bool,
    /// In the order of their turns.
    all: VecDeque<Rc<Feed>>,
    /// Records that were taken of the first in its turn.
    run: usize,
    /// There may be records of which nobody was told.
    untold: bool,
}

impl Feeds {
    pub(crate) fn new(apart: bool) -> Feeds {
        Feeds { apart, all: VecDeque::new(), run: 0, untold: false }
    }

    /// A partition is about to be assigned: from then on nothing of it comes to the consumer's own queue
    /// (librdkafka leaves a queue alone that the application has directed elsewhere).
    pub(crate) fn begin(&mut self, consumer: &Consumer, partition: Partition) {
        if !self.apart {
            return;
        }
        self.end(&[partition]);
        let topic = consumer.topic(partition);
        // Only a topic's name that is none has no queue.
        let split = consumer.base.split_partition_queue(topic, partition.number);
        let Some(mut queue) = split else { return };
        let wake = consumer.wake.clone();
        queue.set_nonempty_callback(move || wake());
        self.all.push_back(Rc::new(Feed { partition, queue, paused: Cell::new(false) }));
        self.untold = true;
    }

    /// These are ours no longer, and were unassigned.
    pub(crate) fn end(&mut self, partitions: &[Partition]) {
        // librdkafka throws away what was fetched ahead when somebody asks for it, and only then.
        self.of(partitions).for_each(|feed| drop(feed.queue.poll(Duration::ZERO)));
        self.all.retain(|feed| !partitions.contains(&feed.partition));
    }

    /// These are not read until they are resumed.
    pub(crate) fn pause(&self, consumer: &Consumer, partitions: &[Partition]) -> KafkaResult<()> {
        if !self.apart {
            return consumer.pause(partitions);
        }
        self.of(partitions).for_each(|feed| feed.paused.set(true));
        Ok(())
    }

    pub(crate) fn resume(
        &mut self,
        consumer: &Consumer,
        partitions: &[Partition],
    ) -> KafkaResult<()> {
        if !self.apart {
            return consumer.resume(partitions);
        }
        self.of(partitions).for_each(|feed| feed.paused.set(false));
        self.untold = true;
        Ok(())
    }

    fn of<'p>(&'p self, partitions: &'p [Partition]) -> impl Iterator<Item = &'p Rc<Feed>> {
        self.all.iter().filter(|feed| partitions.contains(&feed.partition))
    }

    /// The one whose turn it is.
    pub(crate) fn turn(&self) -> Option<Rc<Feed>> {
        self.all.front().cloned()
    }

    /// So many records were taken of it, and perhaps that was all there is: then, or after a run of them,
    /// it is the turn of the next.
    pub(crate) fn took(&mut self, records: usize, all: bool) {
        self.run += records;
        if all || self.run >= RUN {
            self.run = 0;
            self.all.rotate_left(usize::from(!self.all.is_empty()));
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there may be records of which nobody was told; told once.
    pub(crate) fn take_untold(&mut self) -> bool {
        std::mem::take(&mut self.untold)
    }
}
