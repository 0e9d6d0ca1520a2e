//! What the network does at the moment.

use std::time::Duration;

/// Every eighth of the connections is told apart by its number.
pub(crate) const SHARES: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// How many eighths of the connections it meets, and which first.
    pub(crate) share: u64,
    pub(crate) from: u64,
    /// What goes to the broker comes there.
    pub(crate) up: bool,
    /// What the broker answers comes back.
    pub(crate) down: bool,
    /// How much later.
    pub(crate) delay: Duration,
    /// Each time that this grows the connections it meets are reset.
    pub(crate) cuts: u64,
}

impl Weather {
    pub(crate) const FAIR: Weather =
        Weather { share: 0, from: 0, up: true, down: true, delay: Duration::ZERO, cuts: 0 };

    /// Whether it meets the connection of this number.
    pub(crate) fn meets(&self, connection: u64) -> bool {
        (connection + SHARES - self.from % SHARES) % SHARES < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_meets_the_share_it_says() {
        for (share, from) in [(0, 3), (3, 6), (8, 1)] {
            let weather = Weather { share, from, ..Weather::FAIR };
            let met = (0..80).filter(|connection| weather.meets(*connection)).count() as u64;
            assert_eq!(met, share * 10);
            assert!(share == 0 || weather.meets(from));
        }
    }
}
