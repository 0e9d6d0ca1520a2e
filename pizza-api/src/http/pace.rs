//! How many orders are taken a second.

use crate::problem::Problem;
use axum::http::StatusCode;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Leave to order, so many times a second, and after a pause as many at once; what nobody used within a second is gone.
/// Clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Option<Limit>>);

#[derive(Debug)]
struct Limit {
    per_second: f64,
    /// How many may go, as of when.
    free: Mutex<(f64, Instant)>,
}

impl Pace {
    /// So many a second, and as many at once; none: no limit.
    pub fn new(per_second: Option<NonZeroU32>) -> Pace {
        let limit = |per_second: NonZeroU32| {
            let per_second = f64::from(per_second.get());
            Limit { per_second, free: Mutex::new((per_second, Instant::now())) }
        };
        Pace(Arc::new(per_second.map(limit)))
    }

    /// One goes.
    ///
    /// # Errors
    /// None may now.
    pub(super) fn take(&self, now: Instant) -> Result<(), Problem> {
        let Some(Limit { per_second, free }) = &*self.0 else { return Ok(()) };
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(free.1);
        let left = (free.0 + passed.as_secs_f64() * per_second).min(*per_second);
        *free = (left, now.max(free.1));
        if left >= 1.0 {
            free.0 -= 1.0;
            return Ok(());
        }
        let detail = format!("{per_second} orders a second are taken; try again shortly");
        let status = StatusCode::TOO_MANY_REQUESTS;
        Err(Problem::new(status, "Too many orders", detail).again_after(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn so_many_go_in_a_second_and_no_more_after_a_pause() {
        let pace = Pace::new(NonZeroU32::new(10));
        let begin = Instant::now();
        let taken = |at: Duration| (0..100).filter(|_| pace.take(begin + at).is_ok()).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(500)), 5);
        assert_eq!(taken(Duration::from_secs(60)), 10);
        assert_eq!(taken(Duration::from_secs(59)), 0, "a clock that went back gives nothing");
        let free = Pace::new(None);
        assert!((0..100).all(|_| free.take(begin).is_ok()));
    }
}
