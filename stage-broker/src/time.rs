//! What happens by itself: sessions and transactions end, old segments go.

use crate::log::retention;
use crate::node::Node;
use crate::partition::Partition;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// When something happens by itself next.
pub(crate) struct Alarm {
    at: Cell<i64>,
    earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm { at: Cell::new(i64::MIN), earlier: Notify::new() }
    }
}

impl Alarm {
    /// It may be earlier than was thought.
    pub(crate) fn bring_forward(&self, next: Option<i64>) {
        if next.is_some_and(|next| next < self.at.get()) {
            self.earlier.notify_one();
        }
    }
}

/// Ends what is over, when it is over. Does not return.
pub(crate) async fn deadlines(node: Rc<Node>) {
    const LONGEST: i64 = 3_600_000;
    loop {
        let now = node.steady_now();
        let next = node.groups.groups().next_tick();
        let next = next.into_iter().chain(node.transactions.transactions().next_tick()).min();
        let wait = next.map_or(LONGEST, |at| (at - now).clamp(1, LONGEST));
        node.alarm.at.set(now + wait);
        tokio::select! {
            () = sleep(Duration::from_millis(wait as u64)) => {
                node.tick_groups();
                node.tick_transactions();
            }
            () = node.alarm.earlier.notified() => {}
        }
    }
}

/// Completes transactions that the disk did not let complete. Does not return.
pub(crate) async fn left_transactions(node: Rc<Node>) {
    loop {
        sleep(interval(&node, "transaction.abort.timed.out.transaction.cleanup.interval.ms")).await;
        node.complete_left().await;
    }
}

/// Takes away what the topics' settings no longer keep. Does not return.
pub(crate) async fn old_segments(node: Rc<Node>) {
    loop {
        sleep(interval(&node, "log.retention.check.interval.ms")).await;
        let topics: Vec<_> = node.topics.borrow().iter().cloned().collect();
        for partition in topics.iter().flat_map(|topic| &topic.partitions) {
            retain(&node, partition);
            tokio::task::yield_now().await;
        }
    }
}

/// Takes away what a topic's settings no longer keep of a partition.
fn retain(node: &Node, partition: &Partition) {
    let mut log = partition.log.borrow_mut();
    let since = node.now() - node.number("producer.id.expiration.ms");
    log.producers.expire(since);
    match log.retain(node.now()) {
        Ok((gone, draft)) => {
            node.save(draft);
            if !gone.is_empty() {
                let (topic, index, start) = (&*partition.topic, partition.index, log.start());
                tracing::info!(?topic, index, start, segments = gone.len(), "old segments go");
                if let Err(error) = partition.remember_start(node, start) {
                    tracing::warn!(%error, "where a log begins is not remembered");
                }
                node.chores.add(move || retention::remove(gone));
            }
        }
        Err(error) => tracing::error!(%error, "old segments stay"),
    }
}

/// Compacts what is worth it. Does not return.
pub(crate) async fn old_values(node: Rc<Node>) {
    loop {
        sleep(interval(&node, "log.cleaner.backoff.ms")).await;
        let topics: Vec<_> = node.topics.borrow().iter().cloned().collect();
        let compacted = topics.iter().filter(|topic| topic.rules.compact);
        for partition in compacted.flat_map(|topic| &topic.partitions) {
            let plan = partition.log.borrow().plan_compaction(node.now());
            let Some(plan) = plan else { continue };
            let (topic, index) = (&*partition.topic, partition.index);
            let done = node.chores.done(move || plan.run()).await;
            let taken = done.and_then(|new| partition.log.borrow_mut().take_compacted(new));
            match taken {
                Ok(()) => tracing::debug!(?topic, index, "compacted"),
                Err(error) => tracing::error!(%error, ?topic, index, "not compacted"),
            }
        }
    }
}

fn interval(node: &Node, setting: &str) -> Duration {
    Duration::from_millis(u64::try_from(node.number(setting)).unwrap_or(0).max(10))
}
