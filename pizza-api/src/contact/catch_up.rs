//! How far the view is behind after a start.

use super::client::Client;
use crate::store::Store;
use std::sync::Arc;

/// Behind by less than this is caught up: ends of transactions count as records, and nobody reads them.
const NEAR: i64 = 1_000;

/// Looks without progress until what is left is taken for ends of transactions as well.
const STILL: u32 = 8;

/// Done once, it stays done: under load the view is always a little behind.
#[derive(Default)]
pub(super) struct CatchUp {
    done: bool,
    /// What was there at the first look.
    ends: Option<Vec<(i64, i64)>>,
    behind: i64,
    still: u32,
}

impl CatchUp {
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// How many records are left; none: it has caught up. What cannot be told now counts as left.
    pub(super) async fn look(
        &mut self,
        client: &Arc<Client>,
        store: &Store,
        topic: &str,
    ) -> Option<i64> {
        if self.ends.is_none() {
            let client = client.clone();
            let ends = tokio::task::spawn_blocking(move || client.ends()).await;
            self.ends = ends.ok().and_then(Result::ok);
        }
        let Some(ends) = &self.ends else { return Some(self.behind) };
        let partitions: Vec<i32> = (0..ends.len() as i32).collect();
        let Ok(stored) = store.positions(topic, &partitions).await else {
            return Some(self.behind);
        };
        let left = ends.iter().zip(stored).map(|((low, high), stored)| {
            (high - stored.map_or(*low, |(next, _)| next.max(*low))).max(0)
        });
        let behind: i64 = left.sum();
        self.still = if behind == self.behind { self.still + 1 } else { 0 };
        self.behind = behind;
        self.done = behind < NEAR || self.still >= STILL;
        (!self.done).then_some(behind)
    }
}
