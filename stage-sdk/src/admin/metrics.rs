//! `GET /metrics`: Prometheus' text format.

use crate::core::counts::{Histogram, REASONS};
use crate::telemetry::{DISPOSITIONS, Ends, Held, Look, Observed};
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A stage and its workers, as of now.
struct Seen {
    labels: String,
    restarts: u64,
    looks: Vec<(Arc<Look>, Ends)>,
}

/// All of it.
pub(super) fn text(stages: &[Observed]) -> String {
    let seen = stages.iter().map(|stage| Seen {
        labels: labels(stage),
        restarts: stage.restarts(),
        looks: stage.looks(),
    });
    let mut page = Page { text: String::new(), stages: seen.collect() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    page.counts();
    page.gauges();
    page.partitions(now.as_millis() as i64);
    page.text
}

fn labels(stage: &Observed) -> String {
    let Observed { stage: name, group, topic, .. } = stage;
    let (name, group, topic) = (escaped(name), escaped(group), escaped(topic));
    format!("stage=\"{name}\",group=\"{group}\",topic=\"{topic}\"")
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Page {
    text: String,
    stages: Vec<Seen>,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
    }

    fn line(&mut self, name: &str, labels: &str, more: &str, value: impl Display) {
        let comma = if more.is_empty() { "" } else { "," };
        writeln!(self.text, "{name}{{{labels}{comma}{more}}} {value}").ok();
    }

    /// One value of each stage: the sum of its workers'.
    fn sums(&mut self, name: &str, kind: &str, help: &str, of: impl Fn(&Look) -> u64) {
        self.head(name, kind, help);
        for at in 0..self.stages.len() {
            let seen = &self.stages[at];
            let sum: u64 = seen.looks.iter().map(|(look, _)| of(look)).sum();
            let labels = seen.labels.clone();
            self.line(name, &labels, "", sum);
        }
    }

    fn counts(&mut self) {
        let count = "counter";
        self.sums("stage_records_in", count, "Records taken from the input.", |l| l.counts.taken);
        let help = "Outputs in committed windows, those to named topics too.";
        self.sums("stage_records_out", count, help, |l| l.sent.outputs);
        let help = "Records done without an output.";
        self.sums("stage_records_filtered", count, help, |l| l.counts.filtered);
        let help = "Attempts that were not their record's first.";
        self.sums("stage_retry_attempts", count, help, |l| l.counts.attempts);
        let help = "Failures after which another attempt was planned.";
        self.sums("stage_retry_scheduled", count, help, |l| l.counts.scheduled);
        let name = "stage_dead_letters";
        self.head(name, count, "Records written to the dead letters, by why.");
        self.by(name, "disposition", &DISPOSITIONS, |look, at| look.sent.letters[at]);
        let name = "stage_transaction_aborts";
        self.head(name, count, "Windows that ended without effect and went again, by why.");
        self.by(name, "reason", &REASONS, |look, at| look.counts.aborts[at]);
        let (name, help) =
            ("stage_restarts", "Workers begun anew, and their programs started again.");
        self.head(name, count, help);
        for at in 0..self.stages.len() {
            let Seen { labels, restarts, .. } = &self.stages[at];
            let (labels, restarts) = (labels.clone(), *restarts);
            self.line(name, &labels, "", restarts);
        }
        let help = "Seconds from the closing of a window to its commit.";
        self.histogram("stage_commit_duration", help, |look| &look.counts.commits);
        let help = "Seconds from what the group asked to our answer.";
        self.histogram("stage_rebalance_duration", help, |look| &look.rebalances);
    }

    fn by(&mut self, name: &str, label: &str, values: &[&str], of: impl Fn(&Look, usize) -> u64) {
        for stage in 0..self.stages.len() {
            for (at, value) in values.iter().enumerate() {
                let seen = &self.stages[stage];
                let sum: u64 = seen.looks.iter().map(|(look, _)| of(look, at)).sum();
                let labels = seen.labels.clone();
                self.line(name, &labels, &format!("{label}=\"{value}\""), sum);
            }
        }
    }

    fn histogram(&mut self, name: &str, help: &str, of: impl Fn(&Look) -> &Histogram) {
        self.head(name, "histogram", help);
        for stage in 0..self.stages.len() {
            let seen = &self.stages[stage];
            let (labels, mut all) = (seen.labels.clone(), Histogram::default());
            seen.looks.iter().for_each(|(look, _)| all.merge(of(look)));
            let up_to = Histogram::UP_TO.iter().map(f64::to_string);
            let mut sum = 0;
            for (up_to, count) in up_to.chain(["+Inf".to_owned()]).zip(all.counts) {
                sum += count;
                self.line(&format!("{name}_bucket"), &labels, &format!("le=\"{up_to}\""), sum);
            }
            self.line(&format!("{name}_sum"), &labels, "", all.sum.as_secs_f64());
            self.line(&format!("{name}_count"), &labels, "", sum);
        }
    }

    fn gauges(&mut self) {
        let gauge = "gauge";
        self.sums("stage_in_flight", gauge, "Handlers that run.", |look| look.running as u64);
        let help = "Records taken that wait behind their key, for a place, or for another attempt.";
        self.sums("stage_waiting", gauge, help, |look| look.waiting as u64);
        let help = "Workers that an operator has paused.";
        self.sums("stage_paused", gauge, help, |look| u64::from(look.paused));
        let help = "Workers whose circuit is open: what the stage depends on is away.";
        self.sums("stage_circuit_state", gauge, help, |look| u64::from(look.circuit_open));
    }

    /// Values of the partitions held; a partition that is given away has none.
    fn partitions(&mut self, now: i64) {
        let seconds = |since: i64| (now - since).max(0) as f64 / 1000.0;
        let help = "Records that can be read and are not finished, parked ones not counted.";
        self.each("stage_lag_records", help, |held, ends| {
            ends.lag(&held.status).map(|lag| lag as f64)
        });
        let help = "Age of the oldest record that is not finished, by its time; 0 without any.";
        self.each("stage_lag_seconds", help, |held, ends| match ends.lag(&held.status) {
            Some(0) => Some(0.0),
            _ => (held.time >= 0).then(|| seconds(held.time)),
        });
        let help = "Records taken and not finished, parked ones not counted.";
        self.each("stage_records_unfinished", help, |held, _| Some(held.status.unfinished as f64));
        let help = "Records in the retry topic.";
        self.each("stage_records_parked", help, |held, _| Some(held.status.parked as f64));
        let help = "Keys whose records wait in the retry topic.";
        self.each("stage_keys_blocked", help, |held, _| Some(held.status.keys as f64));
        let help = "Seconds since the first failure of the record that is parked longest.";
        self.each("stage_keys_blocked_age_max", help, |held, _| {
            let since = held.status.blocked_since.map(|since| since.as_millis() as i64);
            Some(since.map_or(0.0, seconds))
        });
        let help = "1 while something keeps its records from being taken or tried.";
        self.each("stage_partition_paused", help, |held, _| {
            Some(f64::from(u8::from(!held.status.why.is_empty())))
        });
    }

    fn each(&mut self, name: &str, help: &str, of: impl Fn(&Held, &Ends) -> Option<f64>) {
        self.head(name, "gauge", help);
        let mut lines = String::new();
        for Seen { labels, looks, .. } in &self.stages {
            for (held, ends) in
                looks.iter().flat_map(|(l, e)| l.partitions.iter().map(move |p| (p, e)))
            {
                if let Some(value) = of(held, ends) {
                    let partition = held.status.partition.number;
                    writeln!(lines, "{name}{{{labels},partition=\"{partition}\"}} {value}").ok();
                }
            }
        }
        self.text += &lines;
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_label_cannot_end_its_quotes() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
