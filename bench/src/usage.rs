//! What this process used, from `/proc`.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::read_to_string;

/// Ticks a second of the times in `/proc`: the same on every Linux.
const TICKS: f64 = 100.0;

/// Printed by a contender as its last line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// When it was given its first record, in microseconds since the epoch.
    pub(crate) first: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mb: f64,
}

impl Usage {
    /// From the start of the process until now.
    pub(crate) fn of_this_process(first: u64) -> Result<Usage> {
        let stat = read_to_string("/proc/self/stat")?;
        let (_, numbers) = stat.rsplit_once(") ").context("/proc/self/stat")?;
        let field = |at: usize| -> Result<f64> {
            let text = numbers.split(' ').nth(at).context("/proc/self/stat is short")?;
            Ok(text.parse()?)
        };
        // User and system time: fields 14 and 15, of which the first two are cut off.
        let cpu_seconds = (field(11)? + field(12)?) / TICKS;
        let status = read_to_string("/proc/self/status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()).context("no VmHWM")?;
        Ok(Usage { first, cpu_seconds, peak_mb: kib.parse::<f64>()? * 1024.0 / 1e6 })
    }
}
