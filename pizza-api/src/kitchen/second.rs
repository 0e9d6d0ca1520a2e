//! How much came in the last seconds, and how old it was.

use std::collections::VecDeque;

/// Seconds that are looked at.
const SECONDS: u64 = 5;

/// Ages kept of a second; of what comes after them the ages are taken for the same.
const AGES: usize = 256;

/// What came to a topic lately.
#[derive(Debug, Default)]
pub(super) struct Lately(VecDeque<Second>);

#[derive(Debug)]
struct Second {
    number: u64,
    count: u32,
    ages: Vec<u32>,
}

impl Lately {
    /// A record came in this second, so many milliseconds old.
    pub(super) fn came(&mut self, second: u64, age: u32) {
        if self.0.back().is_none_or(|last| last.number < second) {
            self.0.push_back(Second { number: second, count: 0, ages: Vec::new() });
            self.forget(second);
        }
        if let Some(last) = self.0.back_mut() {
            last.count += 1;
            if last.ages.len() < AGES {
                last.ages.push(age);
            }
        }
    }

    /// Records a second, of the seconds that are over.
    pub(super) fn rate(&self, now: u64) -> f64 {
        let over = self.0.iter().filter(|s| s.number < now && s.number + SECONDS >= now);
        let count: u64 = over.map(|second| u64::from(second.count)).sum();
        count as f64 / SECONDS.min(now.max(1)) as f64
    }

    /// The age that half of them, and 99 of 100, had at most.
    pub(super) fn ages(&self, now: u64) -> Option<(u32, u32)> {
        let late = self.0.iter().filter(|second| second.number + SECONDS >= now);
        let mut ages: Vec<u32> = late.flat_map(|second| second.ages.iter().copied()).collect();
        ages.sort_unstable();
        let at = |percent: usize| ages.get((ages.len() * percent).div_ceil(100).max(1) - 1);
        Some((*at(50)?, *at(99)?))
    }

    fn forget(&mut self, now: u64) {
        while self.0.front().is_some_and(|first| first.number + SECONDS < now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_five_seconds_count() {
        let mut lately = Lately::default();
        for second in 0..20 {
            for record in 0..100 {
                lately.came(second, record);
            }
        }
        assert_eq!(lately.rate(20), 100.0);
        assert_eq!(lately.rate(22), 60.0);
        // No minus sign: the sum of no numbers is -0.0.
        assert!(lately.rate(30) == 0.0 && lately.rate(30).is_sign_positive());
        assert_eq!(lately.ages(20), Some((49, 98)));
        assert_eq!(lately.ages(30), None);
        assert!(lately.0.len() <= 6);
    }

    #[test]
    fn a_short_time_is_not_taken_for_five_seconds() {
        let mut lately = Lately::default();
        for _ in 0..10 {
            lately.came(0, 1);
        }
        assert_eq!((lately.rate(0), lately.rate(1), lately.rate(2)), (0.0, 10.0, 5.0));
    }
}
