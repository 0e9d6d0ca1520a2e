//! The metrics of running stages, in no format: what each is called, and its values.

use super::{DISPOSITIONS, Ends, Held, Look, Observed};
use crate::core::counts::{Histogram, REASONS};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A metric of all stages.
pub(crate) struct Family {
    /// With dots, as OpenTelemetry has it; Prometheus has underscores instead.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    /// Of seconds.
    Histogram,
}

/// One value of a metric.
pub(crate) struct Point {
    /// Which of the stages.
    pub(crate) stage: usize,
    /// What it is of, within the stage.
    pub(crate) label: Option<(&'static str, String)>,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    Count(u64),
    Number(f64),
    Histogram(Histogram),
}

/// A stage and its workers, as of now.
struct Seen {
    restarts: u64,
    is_ready: bool,
    looks: Vec<(Arc<Look>, Ends)>,
    /// Of workers that have ended.
    last_looks: Vec<Arc<Look>>,
}

impl Seen {
    /// The workers whose values make up this kind of metric.
    fn looks(&self, kind: Kind) -> impl Iterator<Item = &Look> {
        let ended = self.last_looks.iter().filter(move |_| kind != Kind::Gauge);
        self.looks.iter().map(|(look, _)| look).chain(ended).map(|look| &**look)
    }
}

/// All of it; a point's `stage` is its place in `stages`.
pub(crate) fn families(stages: &[Observed]) -> Vec<Family> {
    let seen = stages.iter().map(|stage| Seen {
        restarts: stage.restarts(),
        is_ready: stage.troubles().is_empty(),
        looks: stage.looks(),
        last_looks: stage.last_looks(),
    });
    let mut all = All { stages: seen.collect(), families: Vec::new() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    all.counts();
    all.gauges();
    all.partitions(now.as_millis() as i64);
    all.families
}

struct All {
    stages: Vec<Seen>,
    families: Vec<Family>,
}

impl All {
    fn family(&mut self, name: &'static str, kind: Kind, help: &'static str, points: Vec<Point>) {
        self.families.push(Family { name, kind, help, points });
    }

    /// One value of each stage: the sum of its workers'.
    fn sums(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        of: impl Fn(&Look) -> u64,
    ) {
        let sum = |seen: &Seen| seen.looks(kind).map(&of).sum();
        self.of_each(name, kind, help, |seen| Value::Count(sum(seen)));
    }

    fn of_each(
        &mut self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        of: impl Fn(&Seen) -> Value,
    ) {
        let point = |(stage, seen)| Point { stage, label: None, value: of(seen) };
        let points = self.stages.iter().enumerate().map(point).collect();
        self.family(name, kind, help, points);
    }

    fn counts(&mut self) {
        let count = Kind::Counter;
        self.sums("stage.records.in", count, "Records taken from the input.", |l| l.counts.taken);
        let help = "Outputs in committed windows, those to named topics too.";
        self.sums("stage.records.out", count, help, |l| l.sent.outputs);
        let help = "Records done without an output.";
        self.sums("stage.records.filtered", count, help, |l| l.counts.filtered);
        let help = "Attempts that were not their record's first.";
        self.sums("stage.retry.attempts", count, help, |l| l.counts.attempts);
        let help = "Failures after which another attempt was planned.";
        self.sums("stage.retry.scheduled", count, help, |l| l.counts.scheduled);
        let help = "Records written to the dead letters, by why.";
        let letters = |look: &Look, at: usize| look.sent.letters[at];
        self.by("stage.dead_letters", help, "disposition", &DISPOSITIONS, letters);
        let help = "Windows that ended without effect and went again, by why.";
        let aborts = |look: &Look, at: usize| look.counts.aborts[at];
        self.by("stage.transaction.aborts", help, "reason", &REASONS, aborts);
        let help = "Workers begun anew, and their programs started again.";
        self.of_each("stage.restarts", count, help, |seen| Value::Count(seen.restarts));
        let help = "Records taken from the input, by its name in the messaging conventions.";
        self.sums("messaging.client.consumed.messages", count, help, |look| look.counts.taken);
        let help = "Outputs and dead letters in committed windows, likewise.";
        self.sums("messaging.client.sent.messages", count, help, |look| {
            look.sent.outputs + look.sent.letters.iter().sum::<u64>()
        });
        let help = "Seconds of an attempt at a record.";
        self.histogram("messaging.process.duration", help, |look| &look.counts.attempted);
        let help = "Seconds from the closing of a window to its commit.";
        self.histogram("stage.commit.duration", help, |look| &look.counts.commits);
        let help = "Seconds from what the group asked to our answer.";
        self.histogram("stage.rebalance.duration", help, |look| &look.rebalances);
    }

    fn by(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: &[&str],
        of: impl Fn(&Look, usize) -> u64,
    ) {
        let mut points = Vec::new();
        for (stage, seen) in self.stages.iter().enumerate() {
            for (at, value) in values.iter().enumerate() {
                let sum = seen.looks(Kind::Counter).map(|look| of(look, at)).sum();
                let label = Some((label, (*value).to_owned()));
                points.push(Point { stage, label, value: Value::Count(sum) });
            }
        }
        self.family(name, Kind::Counter, help, points);
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        of: impl Fn(&Look) -> &Histogram,
    ) {
        self.of_each(name, Kind::Histogram, help, |seen| {
            let mut all = Histogram::default();
            seen.looks(Kind::Histogram).for_each(|look| all.merge(of(look)));
            Value::Histogram(all)
        });
    }

    fn gauges(&mut self) {
        let gauge = Kind::Gauge;
        let help = "1 while it works as it should, as /readyz says.";
        self.of_each("stage.ready", gauge, help, |seen| Value::Count(u64::from(seen.is_ready)));
        self.sums("stage.in_flight", gauge, "Handlers that run.", |look| look.running as u64);
        let help = "Records taken that wait behind their key, for a place, or for another attempt.";
        self.sums("stage.waiting", gauge, help, |look| look.waiting as u64);
        let help = "Workers that an operator has paused.";
        self.sums("stage.paused", gauge, help, |look| u64::from(look.paused));
        let help = "Workers whose circuit is open: what the stage depends on is away.";
        self.sums("stage.circuit.state", gauge, help, |look| u64::from(look.circuit_open));
    }

    /// Values of the partitions held; a partition that is given away has none.
    fn partitions(&mut self, now: i64) {
        let seconds = |since: i64| (now - since).max(0) as f64 / 1000.0;
        let help =
            "Records that can be read and whose outcome is not committed, parked ones not counted.";
        self.each("stage.lag.records", help, |held, ends| {
            ends.lag(&held.status).map(|lag| lag as f64)
        });
        let help = "Age of the oldest record that is not finished, by its time; 0 without any.";
        self.each("stage.lag.seconds", help, |held, ends| match ends.lag(&held.status) {
            Some(0) => Some(0.0),
            _ => (held.time >= 0).then(|| seconds(held.time)),
        });
        let help = "Records taken and not finished, parked ones not counted.";
        self.each("stage.records.unfinished", help, |held, _| Some(held.status.unfinished as f64));
        let help = "Records in the retry topic.";
        self.each("stage.records.parked", help, |held, _| Some(held.status.parked as f64));
        let help = "Keys whose records wait in the retry topic.";
        self.each("stage.keys.blocked", help, |held, _| Some(held.status.keys as f64));
        let help = "Seconds since the first failure of the record that is parked longest.";
        self.each("stage.keys.blocked.age.max", help, |held, _| {
            let since = held.status.blocked_since.map(|since| since.as_millis() as i64);
            Some(since.map_or(0.0, seconds))
        });
        let help = "1 while something keeps its records from being taken or tried.";
        self.each("stage.partition.paused", help, |held, _| {
            Some(f64::from(u8::from(!held.status.why.is_empty())))
        });
    }

    fn each(
        &mut self,
        name: &'static str,
        help: &'static str,
        of: impl Fn(&Held, &Ends) -> Option<f64>,
    ) {
        let mut points = Vec::new();
        for (stage, seen) in self.stages.iter().enumerate() {
            for (held, ends) in
                seen.looks.iter().flat_map(|(l, e)| l.partitions.iter().map(move |p| (p, e)))
            {
                if let Some(value) = of(held, ends) {
                    let label = Some(("partition", held.status.partition.number.to_string()));
                    points.push(Point { stage, label, value: Value::Number(value) });
                }
            }
        }
        self.family(name, Kind::Gauge, help, points);
    }
}
