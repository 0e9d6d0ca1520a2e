//! A stage's `retry` table.

use super::table::Table;
use crate::core::{Exhausted, Policy, Retry};

/// What a stage's `retry` table says; what it leaves out follows from where the stage runs.
#[derive(Clone, Debug)]
pub struct RetryRoute {
    policy: Option<Policy>,
    exhausted: Option<Exhausted>,
    rest: Retry,
}

impl RetryRoute {
    /// The whole policy. One that is not written is `ordered` where the stage `may_park` records, and
    /// `in-place` otherwise: without transactions, with a database in place of an output topic, or
    /// where there are no topics for it.
    pub fn policy(&self, may_park: bool) -> Retry {
        let usual = if may_park { Policy::Ordered } else { Policy::InPlace };
        let policy = self.policy.unwrap_or(usual);
        let end = match policy {
            Policy::Ordered => Exhausted::Hold,
            _ => Exhausted::DeadLetter,
        };
        Retry { policy, exhausted: self.exhausted.unwrap_or(end), ..self.rest.clone() }
    }

    /// Of a stage without a table.
    pub(super) fn usual() -> RetryRoute {
        RetryRoute { policy: None, exhausted: None, rest: Retry::default() }
    }

    pub(super) fn read(table: Table<'_, '_>) -> RetryRoute {
        let mut route = RetryRoute::usual();
        let keys = ["policy", "attempts", "backoff", "in_place_for", "exhausted"];
        table.known(&keys, |key, mut item| match key {
            "policy" => {
                let known = ["in-place", "dead-letter", "stop", "ordered", "retry-topic"];
                item.one_of(&known, |text| {
                    route.policy = Some(match text {
                        "in-place" => Policy::InPlace,
                        "dead-letter" => Policy::DeadLetter,
                        "stop" => Policy::Stop,
                        "ordered" => Policy::Ordered,
                        _ => Policy::RetryTopic,
                    });
                });
            }
            "attempts" => item.number(1..=1_000_000, |number| route.rest.attempts = number as u32),
            "backoff" => item.range(|first, longest| {
                route.rest.first = first;
                route.rest.longest = longest;
            }),
            "in_place_for" => item.duration(|duration| route.rest.in_place_for = duration),
            _ => item.one_of(&["dead-letter", "stop", "hold"], |text| {
                route.exhausted = Some(match text {
                    "hold" => Exhausted::Hold,
                    "stop" => Exhausted::Stop,
                    _ => Exhausted::DeadLetter,
                });
            }),
        });
        route
    }
}
