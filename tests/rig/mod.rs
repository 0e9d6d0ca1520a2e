//! What the tests are built from: a broker, a chain of its own for each test, stage processes that
//! can be hurt, an order writer, and a judge that shares no code with the SDK.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

pub mod admin;
pub mod broker;
pub mod chain;
pub mod judge;
pub mod letters;
pub mod limit;
pub mod load;
pub mod machine;
pub mod moods;
pub mod orders;
pub mod process;
pub mod proxy;
pub mod reminder;
pub mod runs;

use std::time::{Duration, Instant};

/// Waits for a fact, and says what did not come about.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A count that CI may take smaller: `STAGE_TEST_SCALE` is a percentage, 100 by default.
pub fn scaled(full: usize) -> usize {
    let percent = std::env::var("STAGE_TEST_SCALE").ok().and_then(|text| text.parse().ok());
    let scaled = (full * percent.unwrap_or(100)).div_ceil(100);
    if scaled < full {
        eprintln!("SCALED DOWN: {scaled} instead of {full} (STAGE_TEST_SCALE)");
    }
    scaled
}

/// The seed of this run's random choices; printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    let given = std::env::var("STAGE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(rand::random);
    eprintln!("repeat with STAGE_TEST_SEED={seed}");
    seed
}
