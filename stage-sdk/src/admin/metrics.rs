//! `GET /metrics`: Prometheus' text format.

use crate::core::counts::Histogram;
use crate::telemetry::Observed;
use crate::telemetry::families::{Family, Kind, Point, Value, families};
use std::fmt::{Display, Write as _};

/// All of it.
pub(super) fn text(stages: &[Observed]) -> String {
    let labels: Vec<String> = stages.iter().map(labels).collect();
    let mut page = Page { text: String::new(), labels: &labels };
    families(stages).iter().for_each(|family| page.family(family));
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

struct Page<'l> {
    text: String,
    /// Of each stage.
    labels: &'l [String],
}

impl Page<'_> {
    fn family(&mut self, Family { name, kind, help, points }: &Family) {
        let name = name.replace('.', "_");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
        for Point { stage, label, value } in points {
            let label =
                label.as_ref().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
            let label = label.unwrap_or_default();
            match value {
                Value::Count(count) => self.line(&name, *stage, &label, count),
                Value::Number(number) => self.line(&name, *stage, &label, number),
                Value::Histogram(histogram) => self.histogram(&name, *stage, histogram),
            }
        }
    }

    fn histogram(&mut self, name: &str, stage: usize, histogram: &Histogram) {
        let up_to = Histogram::UP_TO.iter().map(f64::to_string);
        let mut sum = 0;
        for (up_to, count) in up_to.chain(["+Inf".to_owned()]).zip(histogram.counts) {
            sum += count;
            self.line(&format!("{name}_bucket"), stage, &format!("le=\"{up_to}\""), sum);
        }
        self.line(&format!("{name}_sum"), stage, "", histogram.sum.as_secs_f64());
        self.line(&format!("{name}_count"), stage, "", sum);
    }

    fn line(&mut self, name: &str, stage: usize, more: &str, value: impl Display) {
        let (labels, comma) = (&self.labels[stage], if more.is_empty() { "" } else { "," });
        writeln!(self.text, "{name}{{{labels}{comma}{more}}} {value}").ok();
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
