//! Waits until the machine does nothing else: what the broker still tidies up, and what others run.

use anyhow::{Context, Result};
use std::fs::read_to_string;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// So much of the machine may be busy, over this time.
const BUSY: (f64, Duration) = (0.1, Duration::from_millis(500));

/// Waits so long at most; tells how busy the machine is then, from 0 to 1.
pub(crate) fn wait(patience: Duration) -> Result<f64> {
    let begin = Instant::now();
    let mut before = ticks()?;
    loop {
        sleep(BUSY.1);
        let now = ticks()?;
        let (busy, all) = (now.0 - before.0, now.1 - before.1);
        let share = busy / all;
        if share < BUSY.0 {
            return Ok(share);
        }
        if begin.elapsed() > patience {
            println!("the machine is {:.0} % busy with something else", share * 100.0);
            return Ok(share);
        }
        before = now;
    }
}

/// Busy and all ticks of all processors since the start of the machine.
fn ticks() -> Result<(f64, f64)> {
    let stat = read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> = line.split_whitespace().skip(1).flat_map(str::parse).collect();
    // user nice system idle iowait irq softirq steal; what follows is counted in these already.
    let all: f64 = ticks.iter().take(8).sum();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}
