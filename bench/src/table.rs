//! What a measurement found, as a file and as a table.

use crate::contender::Delivery;
use crate::figures::{Spread, save, thousands};
use crate::place::Place;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct Table {
    /// Its name on the command line.
    pub(crate) scenario: String,
    pub(crate) engine: String,
    pub(crate) rows: Vec<Row>,
}

/// One contender under one condition.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) contender: String,
    /// The one that the others are compared with.
    pub(crate) ours: bool,
    pub(crate) delivery: Option<Delivery>,
    /// What else tells it from other rows; empty: nothing.
    pub(crate) condition: String,
    pub(crate) records: u64,
    pub(crate) columns: Vec<Column>,
    /// What it lost, or why it has no figures; empty: nothing.
    pub(crate) note: String,
}

/// One figure of every round.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) rounds: Vec<f64>,
}

impl Column {
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.rounds.iter().copied())
    }
}

impl Row {
    /// None: it has no figures of this name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name && !column.rounds.is_empty())
    }

    fn has_figures(&self) -> bool {
        self.columns.iter().any(|column| !column.rounds.is_empty())
    }

    /// Ours to this one, round by round.
    fn ratio(&self, ours: &Row) -> Row {
        let columns = ours.columns.iter().filter_map(|ours| {
            let other = self.column(&ours.name)?;
            let pairs = ours.rounds.iter().zip(&other.rounds);
            let rounds = pairs.map(|(ours, other)| ours / other).collect();
            Some(Column { name: ours.name.clone(), rounds })
        });
        Row {
            contender: format!("{} to {}", ours.contender, self.contender),
            columns: columns.collect(),
            records: 0,
            note: String::new(),
            ..self.clone()
        }
    }
}

impl Table {
    /// Shows it, and replaces the file of this measurement.
    pub(crate) fn save(&self, place: &Place) -> Result<()> {
        ensure!(!self.rows.is_empty(), "{}: nobody ran, so nothing is written", self.scenario);
        println!("\nmedian (min–max), {}\n{}", self.engine, self.markdown());
        save(place, &format!("{}-{}.json", self.scenario, self.engine), self)
    }

    /// The rows, and under those of the same guarantee and condition what ours is to the others.
    pub(crate) fn markdown(&self) -> String {
        let shape = Shape::of(&self.rows);
        let mut lines = vec![shape.head()];
        for group in self.rows.chunk_by(|one, next| one.stands_with(next)) {
            let most = group.iter().map(|row| row.records).max().unwrap_or_default();
            lines.extend(group.iter().map(|row| shape.line(row, most)));
            let Some(ours) = group.iter().find(|row| row.ours) else { continue };
            let others = group.iter().filter(|row| !row.ours && row.has_figures());
            lines.extend(others.map(|row| shape.bold(shape.line(&row.ratio(ours), most))));
        }
        aligned(&lines)
    }
}

impl Row {
    fn stands_with(&self, other: &Row) -> bool {
        (self.delivery, &self.condition) == (other.delivery, &other.condition)
    }
}

/// Which columns a table has.
struct Shape<'r> {
    deliveries: bool,
    conditions: bool,
    figures: Vec<&'r str>,
}

impl<'r> Shape<'r> {
    fn of(rows: &'r [Row]) -> Shape<'r> {
        let mut figures: Vec<&str> = Vec::new();
        for column in rows.iter().flat_map(|row| &row.columns) {
            if !figures.contains(&column.name.as_str()) {
                figures.push(&column.name);
            }
        }
        Shape {
            deliveries: rows.iter().any(|row| row.delivery.is_some()),
            conditions: rows.iter().any(|row| !row.condition.is_empty()),
            figures,
        }
    }

    fn head(&self) -> Vec<String> {
        let words = 1 + usize::from(self.deliveries) + usize::from(self.conditions);
        let figures = self.figures.iter().map(|name| (*name).to_owned());
        std::iter::repeat_n(String::new(), words).chain(figures).collect()
    }

    /// `most`: records of those beside it; who has fewer says so.
    fn line(&self, row: &Row, most: u64) -> Vec<String> {
        let mut cells = Vec::new();
        cells.extend(self.deliveries.then(|| row.delivery.map_or(String::new(), Delivery::words)));
        cells.extend(self.conditions.then(|| row.condition.clone()));
        let mut who = row.contender.clone();
        if (1..most).contains(&row.records) {
            who += &format!(" ({} records)", thousands(row.records as f64));
        }
        if !row.note.is_empty() {
            who += &format!("; **{}**", row.note);
        }
        cells.push(who);
        let cell = |name: &&str| row.column(name).map(|column| column.spread().to_string());
        cells.extend(self.figures.iter().map(|name| cell(name).unwrap_or("–".into())));
        cells
    }

    /// From the contender on.
    fn bold(&self, mut cells: Vec<String>) -> Vec<String> {
        let from = cells.len() - self.figures.len() - 1;
        for cell in cells.iter_mut().skip(from).filter(|cell| *cell != "–") {
            *cell = format!("**{cell}**");
        }
        cells
    }
}

/// As a Markdown table whose columns stand below each other.
fn aligned(lines: &[Vec<String>]) -> String {
    let width = |at: usize| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(|at| width(at).max(3)).collect();
    let rule: String = widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))).collect();
    let mut text = String::new();
    for (number, cells) in lines.iter().enumerate() {
        let cell = |(cell, width): (&String, &usize)| format!("| {cell:<width$} ");
        text += &cells.iter().zip(&widths).map(cell).collect::<String>();
        text += "|\n";
        if number == 0 {
            text += &format!("{rule}|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(contender: &str, ours: bool, rounds: &[f64]) -> Row {
        let columns = vec![Column { name: "records/s".into(), rounds: rounds.into() }];
        let (delivery, condition) = (Some(Delivery::ExactlyOnce), String::new());
        let (contender, note) = (contender.into(), String::new());
        Row { contender, ours, delivery, condition, records: 10, columns, note }
    }

    #[test]
    fn ours_is_compared_with_each_other_round_by_round() {
        let rows = vec![row("raw", false, &[100.0, 50.0]), row("stage", true, &[100.0, 100.0])];
        let table = Table { scenario: "s".into(), engine: "e".into(), rows };
        let text = table.markdown();
        let last: Vec<&str> = text.lines().last().unwrap().split('|').map(str::trim).collect();
        assert_eq!(last[1..4], ["exactly once", "**stage to raw**", "**1.50 (1.00–2.00)**"]);
        assert_eq!(text.lines().count(), 5, "{text}");
    }

    #[test]
    fn who_has_no_figures_is_shown_with_the_reason() {
        let mut lost = row("peer", false, &[]);
        lost.note = "failed: it ended".into();
        let rows = vec![lost, row("stage", true, &[1.0])];
        let text = Table { scenario: "s".into(), engine: "e".into(), rows }.markdown();
        assert!(text.contains("peer; **failed: it ended**") && text.contains("–"), "{text}");
    }
}
