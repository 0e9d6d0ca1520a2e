//! Medians and spreads, on the screen and in files.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Where the figures of the last runs lie, seen from the top of the workspace.
const RESULTS: &str = "bench/results";

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
        let Spread { median, min, max } = self;
        let text = match median {
            1000.0.. => format!("{median:.0} ({min:.0}–{max:.0})"),
            20.0.. => format!("{median:.1} ({min:.1}–{max:.1})"),
            _ => format!("{median:.2} ({min:.2}–{max:.2})"),
        };
        f.pad(&text)
    }
}

/// Of sorted values; between two of them when it falls there.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = percent / 100.0 * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// Replaces the file of this measurement.
pub(crate) fn save(name: &str, figures: &impl Serialize) -> Result<()> {
    let file = Path::new(RESULTS).join(name);
    let text = serde_json::to_string_pretty(figures)? + "\n";
    std::fs::create_dir_all(RESULTS)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("write {}", file.display()))
}
