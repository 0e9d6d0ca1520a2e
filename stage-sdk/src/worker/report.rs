//! How the worker stands: for whoever looks, and in the log where a partition stands still.

use super::Worker;
use super::attempt::Attempt;
use crate::core::counts::Histogram;
use crate::core::status::{Doing, Head, Status};
use crate::core::{Partition, Rest, Time};
use crate::stage::Stage;
use crate::telemetry::{Held, Look, Seat, Stalls};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// What a worker keeps for its reports.
#[derive(Default)]
pub(super) struct Reporter {
    /// Where it says how it stands.
    seat: Arc<Seat>,
    /// When it looks again.
    pub(super) next: Time,
    stalls: Stalls,
    /// The time of the last record of each partition.
    times: BTreeMap<Partition, i64>,
    joined: bool,
    rebalances: Histogram,
    /// A rebalance is under way since then.
    rebalancing: Option<Time>,
}

impl Reporter {
    pub(super) fn new(seat: Arc<Seat>, rebalances: Histogram) -> Reporter {
        Reporter { seat, rebalances, ..Reporter::default() }
    }

    pub(super) fn rebalances(&self) -> Histogram {
        self.rebalances.clone()
    }

    /// The last record of a handful that was taken.
    pub(super) fn saw(&mut self, partition: Partition, time: i64) {
        self.times.insert(partition, time);
    }

    /// The group asks for something; `has`: partitions, or that there are none.
    pub(super) fn asked(&mut self, now: Time, has: bool) {
        self.joined |= has;
        self.rebalancing.get_or_insert(now);
    }

    /// The group has its answer.
    pub(super) fn answered(&mut self, now: Time) {
        if let Some(since) = self.rebalancing.take() {
            self.rebalances.add(now.saturating_sub(since));
        }
    }
}

impl<S: Stage, F: Future<Output = Attempt>> Worker<S, F> {
    /// About once a second.
    pub(super) fn report(&mut self) {
        let now = self.now;
        self.reporter.next = now + EVERY;
        for partition in self.reporter.stalls.look(now, self.core.watermarks()) {
            self.say_why(partition);
        }
        let partitions: Vec<Held> = self.core.status().map(|status| self.held_of(status)).collect();
        self.reporter
            .times
            .retain(|known, _| partitions.iter().any(|p| p.status.partition == *known));
        self.reporter.seat.publish(Look {
            as_of: now,
            joined: self.reporter.joined,
            paused: self.core.is_paused(),
            circuit_open: self.core.is_circuit_open(),
            running: self.core.running(),
            waiting: self.core.in_flight() - self.core.running(),
            counts: self.core.counts().clone(),
            sent: self.kafka.sent,
            rebalances: self.reporter.rebalances.clone(),
            partitions,
        });
    }

    fn held_of(&self, status: Status) -> Held {
        let partition = status.partition;
        let place = status.head.as_ref().and_then(|head| self.held.get(head.id?.slot()));
        let is_parked = matches!(&status.head, Some(Head { doing: Doing::Parked(_), .. }));
        let kept = place.and_then(|held| held.kept.as_ref()).filter(|_| !is_parked);
        let time = match kept {
            Some(kept) => kept.record().time,
            None => self.reporter.times.get(&partition).copied().unwrap_or(-1),
        };
        Held {
            since: self.reporter.stalls.since(partition).unwrap_or(self.now),
            time,
            error: place.and_then(|held| held.trouble.as_ref()).map(|t| t.text.clone()),
            status,
        }
    }

    /// One line in the log of why a partition stands still.
    fn say_why(&mut self, partition: Partition) {
        let Some(status) = self.core.status_of(partition) else { return };
        let held = self.held_of(status);
        let Some(head) = &held.status.head else { return };
        let (offset, attempts, error) = (head.offset, head.attempts, held.error.as_deref());
        // That it is tried now, and now waits for its next attempt, is no news.
        let doing = match head.doing {
            Doing::Awaited => "is not there yet",
            Doing::Running(_) | Doing::BackingOff(_) if attempts > 0 => "is tried again and again",
            Doing::Running(_) => "is being handled",
            Doing::BackingOff(_) => "is tried again later",
            Doing::Behind => "waits behind its key",
            Doing::Ready => "waits to be tried",
            Doing::Parked(Rest::Held) => "is held",
            Doing::Parked(_) => "is parked",
        };
        let error_text = error.unwrap_or_default();
        if !self.reporter.stalls.is_news(self.now, partition, &format!("{doing} {error_text}")) {
            return;
        }
        let why: Vec<String> = held.status.why.iter().map(|why| why.to_string()).collect();
        tracing::warn!(
            topic = self.kafka.topic(partition),
            partition = partition.number,
            offset,
            attempts,
            error,
            unfinished = held.status.unfinished,
            why = why.join(", "),
            "the partition has not moved for {:.0?}: its first unfinished record {doing}",
            self.now.saturating_sub(held.since),
        );
    }
}
