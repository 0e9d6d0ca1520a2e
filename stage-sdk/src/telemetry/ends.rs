//! Where the partitions end, asked of the broker about once a second.

use super::{Ends, Observed, Seat, lock};
use crate::core::Partition;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(1);

/// For an answer.
const ASK: Duration = Duration::from_secs(2);

/// Asks on and on, until told to stop.
pub(crate) fn watch(observed: &Observed, told: &AtomicBool) {
    while !told.load(Ordering::Acquire) {
        for seat in observed.seats.iter() {
            if !told.load(Ordering::Acquire) {
                ask(seat);
            }
        }
        std::thread::sleep(EVERY);
    }
}

fn ask(seat: &Seat) {
    // It is closed by its worker, which waits a moment for us.
    let Some(consumer) = lock(&seat.consumer).upgrade() else { return };
    let look = seat.look().unwrap_or_default();
    let held: Vec<Partition> = look.partitions.iter().map(|held| held.status.partition).collect();
    let answer = consumer.ends(&held, ASK);
    let seen = consumer.seen();
    let mut known = lock(&seat.ends);
    match answer {
        Ok(ends) => *known = Ends { ends, seen, trouble: None },
        Err(error) => known.trouble = Some(error.to_string()),
    }
}
