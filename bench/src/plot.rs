//! Draws a column of a table: a bar for each row, with its spread. Reads well in light and dark.

use crate::contender::Delivery;
use crate::figures::Spread;
use crate::table::{Row, Table};
use std::fmt::Write;

pub(crate) struct Plot {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    title: &'static str,
    column: &'static str,
}

/// Beyond this ratio of the longest bar to the shortest the scale is one of powers of ten.
const FAR: f64 = 50.0;

/// In pixels: the whole, the bars' beginning, what is left free for their figures, and a row.
const WIDTH: f64 = 950.0;
const LEFT: f64 = 420.0;
const RIGHT: f64 = 170.0;
const ROW: f64 = 22.0;
const TOP: f64 = 44.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}\
.ours{fill:#d9480f}.other{fill:#8c959f}.spread{stroke:#1f2328;stroke-width:1.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.other{fill:#6e7681}.spread{stroke:#e6edf3}}";

impl Plot {
    pub(crate) const ALL: [Plot; 8] = [
        Plot {
            name: "one-stage-rate",
            table: "one-stage-kafka",
            title: "One stage on Apache Kafka: records per second",
            column: "records/s",
        },
        Plot {
            name: "one-stage-cpu",
            table: "one-stage-kafka",
            title: "One stage on Apache Kafka: CPU seconds for a million records",
            column: "CPU s/M",
        },
        Plot {
            name: "chain-rate",
            table: "chain-kafka",
            title: "Four stages in a chain on Apache Kafka: records per second",
            column: "records/s",
        },
        Plot {
            name: "chain-cpu",
            table: "chain-kafka",
            title: "Four stages in a chain on Apache Kafka: CPU seconds of the stages for a million records",
            column: "CPU s/M",
        },
        Plot {
            name: "latency-p50",
            table: "latency-kafka",
            title: "Through four stages on Apache Kafka: p50 in milliseconds",
            column: "p50 ms",
        },
        Plot {
            name: "latency-p99",
            table: "latency-kafka",
            title: "Through four stages on Apache Kafka: p99 in milliseconds",
            column: "p99 ms",
        },
        Plot {
            name: "by-key-rate",
            table: "by-key-kafka",
            title: "Work that waits, in the order of 100 keys, on Apache Kafka: records per second",
            column: "records/s",
        },
        Plot {
            name: "failing-rate",
            table: "failing-kafka",
            title: "Some records fail once, on Apache Kafka: records per second",
            column: "records/s",
        },
    ];

    /// As SVG.
    pub(crate) fn draw(&self, table: &Table) -> String {
        let spread = |row: &Row| row.column(self.column).map(|column| column.spread());
        let rows: Vec<(&Row, Spread)> =
            table.rows.iter().filter_map(|row| Some((row, spread(row)?))).collect();
        let scale = Scale::of(&rows);
        let height = TOP + ROW * rows.len() as f64 + 10.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
             <title>{0}</title><style>{STYLE}</style><text class=\"title\" x=\"8\" y=\"24\">{0}{1}</text>\n",
            escaped(self.title),
            if scale.logarithmic { " (powers of ten)" } else { "" },
        );
        for (number, (row, spread)) in rows.iter().enumerate() {
            let y = TOP + ROW * number as f64;
            let (middle, end) = (y + ROW / 2.0, scale.x(spread.median));
            let (from, to) = (scale.x(spread.min), scale.x(spread.max));
            let class = if row.ours { "ours" } else { "other" };
            let label = [Some(row.contender.clone()), row.delivery.map(Delivery::words)];
            let condition = (!row.condition.is_empty()).then(|| row.condition.clone());
            let label: Vec<String> = label.into_iter().chain([condition]).flatten().collect();
            writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
                 <line class=\"spread\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                middle + 4.0,
                escaped(&label.join(", ")),
                y + 3.0,
                end - LEFT,
                ROW - 6.0,
                to.max(end) + 6.0,
                middle + 4.0,
                Spread::of([spread.median]),
            )
            .ok();
        }
        svg + "</svg>\n"
    }
}

/// Where a value lies.
struct Scale {
    logarithmic: bool,
    /// The value at the left end; of powers of ten the one below the smallest.
    least: f64,
    most: f64,
}

impl Scale {
    fn of(rows: &[(&Row, Spread)]) -> Scale {
        let most = rows.iter().map(|(_, spread)| spread.max).fold(f64::MIN_POSITIVE, f64::max);
        let least = rows.iter().map(|(_, spread)| spread.min).fold(most, f64::min);
        let logarithmic = least > 0.0 && most / least > FAR;
        let least = if logarithmic { 10f64.powf(least.log10().ceil() - 1.0) } else { 0.0 };
        Scale { logarithmic, least, most }
    }

    fn x(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.least).log10() / (self.most / self.least).log10()
        } else {
            value / self.most
        };
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
