//! What happens by itself: sessions and transactions end, old segments go.

use crate::log::retention;
use crate::node::Node;
use crate::partition::Partition;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// Ends what is over, when it is over. Does not return.
pub(crate) async fn sessions(node: Rc<Node>) {
    const LONGEST: i64 = 3_600_000;
    loop {
        let next = node.groups.next_tick().into_iter().chain(node.transactions.next_tick()).min();
        let wait = next.map_or(LONGEST, |at| (at - node.now()).clamp(1, LONGEST));
        tokio::select! {
            () = sleep(Duration::from_millis(wait as u64)) => {
                node.tick_groups();
                node.tick_transactions(false).await;
            }
            () = node.groups.changed.notified() => {}
        }
    }
}

/// Completes transactions that the disk did not let complete. Does not return.
pub(crate) async fn left_transactions(node: Rc<Node>) {
    loop {
        sleep(interval(&node, "transaction.abort.timed.out.transaction.cleanup.interval.ms")).await;
        node.tick_transactions(true).await;
    }
}

/// Takes away what the topics' settings no longer keep. Does not return.
pub(crate) async fn old_segments(node: Rc<Node>) {
    loop {
        sleep(interval(&node, "log.retention.check.interval.ms")).await;
        forget(&node);
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
            let done = tokio::task::spawn_blocking(move || plan.run()).await;
            let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            let taken = done.and_then(|new| partition.log.borrow_mut().take_compacted(new));
            match taken {
                Ok(()) => tracing::debug!(?topic, index, "compacted"),
                Err(error) => tracing::error!(%error, ?topic, index, "not compacted"),
            }
        }
    }
}

/// Forgets groups and transactional ids that nobody has used for long.
fn forget(node: &Node) {
    let now = node.now();
    let keep = node.number("offsets.retention.minutes") * 60_000;
    let all = node.groups.all.borrow();
    let old = all.iter().filter(|(_, group)| group.empty_since.is_some_and(|at| now - at > keep));
    let old: Vec<_> = old.map(|(id, _)| id.clone()).collect();
    drop(all);
    for id in old {
        let offsets = node.offsets.borrow();
        let fresh =
            offsets.has_pending(&id) || offsets.of(&id).any(|(_, offset)| now - offset.at <= keep);
        drop(offsets);
        if !fresh && let Err(error) = node.forget_group(&id) {
            tracing::warn!(%error, id, "an old group stays");
        }
    }
    let keep = node.number("transactional.id.expiration.ms");
    if let Err(error) = node.forget_transactions(now - keep) {
        tracing::warn!(%error, "old transactional ids stay");
    }
}

fn interval(node: &Node, setting: &str) -> Duration {
    Duration::from_millis(u64::try_from(node.number(setting)).unwrap_or(0).max(10))
}
