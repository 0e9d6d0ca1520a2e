//! Medians and spreads, on the screen and in files.

use crate::place::Place;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;

/// A median with its spread.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut all: Vec<f64> = values.into_iter().collect();
        all.sort_by(f64::total_cmp);
        Spread {
            median: percentile(&all, 50.0),
            min: percentile(&all, 0.0),
            max: percentile(&all, 100.0),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, min, max } = *self;
        let digits = match median {
            1000.0.. => 0,
            20.0.. => 1,
            _ => 2,
        };
        let one = |value: f64| match digits {
            0 => thousands(value),
            _ => format!("{value:.digits$}"),
        };
        let text = match median.is_nan() {
            true => "–".into(),
            false if min == max => one(median),
            false => format!("{} ({}–{})", one(median), one(min), one(max)),
        };
        f.pad(&text)
    }
}

/// With commas, as in the texts.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().flat_map(str::from_utf8).collect();
    groups.join(",")
}

/// Of sorted values; between two of them when it falls there.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = percent / 100.0 * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// Replaces the file of this name.
pub(crate) fn save(place: &Place, name: &str, figures: &impl Serialize) -> Result<()> {
    let file = place.results.join(name);
    let text = serde_json::to_string_pretty(figures)? + "\n";
    std::fs::create_dir_all(&place.results)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_in_as_many_digits_as_it_deserves() {
        assert_eq!(Spread::of([1_234_567.0, 999.4, 2000.0]).to_string(), "2,000 (999–1,234,567)");
        assert_eq!(Spread::of([0.125]).to_string(), "0.12");
        assert_eq!(Spread::of([]).to_string(), "–");
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 50.0), 2.5);
    }
}
