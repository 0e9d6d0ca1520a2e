//! What a process used, from `/proc`.

use anyhow::{Context, Result};
use std::fs::read_to_string;

/// Ticks a second of the times in `/proc`: the same on every Linux.
const TICKS: f64 = 100.0;

/// A process's memory: now (`VmRSS:`), or at most so far (`VmHWM:`).
pub(crate) fn mb(pid: u32, field: &str) -> Result<f64> {
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = value.and_then(|value| value.split_whitespace().next());
    Ok(kib.with_context(|| format!("no {field}"))?.parse::<f64>()? * 1024.0 / 1e6)
}

/// What a process has used since its start.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/stat");
    let stat = read_to_string(&file).with_context(|| format!("read {file}"))?;
    let (_, numbers) = stat.rsplit_once(") ").context("a stat without a name")?;
    let field = |at: usize| -> Result<f64> {
        Ok(numbers.split(' ').nth(at).context("a stat that is short")?.parse()?)
    };
    // User and system time: fields 14 and 15, of which the first two are cut off.
    Ok((field(11)? + field(12)?) / TICKS)
}
