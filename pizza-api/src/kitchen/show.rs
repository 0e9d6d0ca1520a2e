//! What the page is shown.

use super::board::Board;
use super::map::Map;
use crate::gauges::Here;
use crate::store::Summary;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use utoipa::ToSchema;

/// The orders of a snapshot.
pub(super) const ORDERS: i64 = 50;

/// How the kitchen is now.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// Milliseconds since 1970.
    at: u64,
    /// What is wrong with the broker.
    trouble: Option<String>,
    stages: Vec<StageNow>,
    topics: Vec<TopicNow>,
    /// The newest first.
    orders: Vec<Walk>,
}

/// A stage.
#[derive(Debug, Serialize, ToSchema)]
struct StageNow {
    name: String,
    /// Records of its input that it has not committed, ends of transactions between them included; null: not known.
    lag: Option<i64>,
    /// Members of its group; null: not known.
    instances: Option<usize>,
    #[serde(flatten)]
    here: Here,
}

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
struct TopicNow {
    name: String,
    /// Of the last five seconds.
    records_per_second: f64,
    /// How old records were when they came, by the time that stages keep; null: none came.
    age_ms: Option<Age>,
}

/// Ages in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
struct Age {
    /// Half of them had at most.
    p50: u32,
    /// 99 of 100 had at most.
    p99: u32,
}

/// An order on its way.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Walk {
    id: String,
    count: i64,
    pub(crate) complete: bool,
    /// How many of its pizzas have come to each topic, as far as somebody watched.
    reached: BTreeMap<String, i64>,
}

impl Walk {
    /// Tells it from the same order at another time.
    pub(crate) fn mark(&self) -> String {
        let reached: Vec<String> = self.reached.values().map(i64::to_string).collect();
        // The kitchen sees the last pizza before the store has it.
        let complete = if self.complete { "-complete" } else { "" };
        reached.join("-") + complete
    }
}

pub(super) fn snapshot(
    map: &Map,
    board: &Board,
    orders: &[Summary],
    trouble: Option<String>,
    here: impl Fn(&str) -> Here,
) -> Snapshot {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stages = map.stages.iter().enumerate().map(|(at, stage)| {
        let input = map.topic(&stage.input).unwrap_or_default();
        let (lag, instances) = board.standing(at, input);
        StageNow { name: stage.name.clone(), lag, instances, here: here(&stage.name) }
    });
    let topics = map.names().enumerate().map(|(at, name)| {
        let (records_per_second, ages) = board.pace(at);
        let age_ms = ages.map(|(p50, p99)| Age { p50, p99 });
        TopicNow { name: name.to_owned(), records_per_second, age_ms }
    });
    Snapshot {
        at: now.as_millis().try_into().unwrap_or(u64::MAX),
        trouble,
        stages: stages.collect(),
        topics: topics.collect(),
        orders: orders.iter().map(|order| walk(map, board, order)).collect(),
    }
}

/// What was seen of an order may be less than what is true, and what the store has is true: a pizza that has come
/// to a topic has come to those before it.
pub(super) fn walk(map: &Map, board: &Board, order: &Summary) -> Walk {
    let &Summary { ref id, count, done } = order;
    let seen = board.reached(id).unwrap_or_default();
    let mut reached: Vec<i64> =
        (0..map.topics.len()).map(|at| seen.get(at).map_or(0, |n| i64::from(*n))).collect();
    let mut most = done;
    for at in map.path.iter().rev() {
        most = reached[*at].max(most);
        reached[*at] = most;
    }
    let named = map.names().map(str::to_owned).zip(reached.into_iter().map(|n| n.min(count)));
    Walk { id: id.clone(), count, complete: done >= count, reached: named.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage_sdk::chain::Chain;

    #[test]
    fn what_has_come_to_a_topic_has_come_to_those_before() {
        let chain = r#"
            [chain]
            name = "shop"
            [topics]
            raw = { partitions = 1, source = true }
            half = { partitions = 1 }
            done = { partitions = 1 }
            [stages.begin]
            input = "raw"
            output = "half"
            [stages.end]
            input = "half"
            output = "done"
        "#;
        let map = Map::of(&Chain::parse(chain, "test").unwrap());
        let mut board = Board::new(&map);
        for offset in 0..4 {
            board.came(1, 0, offset, Some("7"), None);
        }
        let walk = |done| walk(&map, &board, &Summary { id: "7".into(), count: 3, done });
        let reached = |walk: &Walk| ["raw", "half", "done"].map(|topic| walk.reached[topic]);
        assert_eq!((reached(&walk(1)), walk(1).complete), ([3, 3, 1], false));
        assert_eq!((reached(&walk(3)), walk(3).complete), ([3, 3, 3], true));
        let unseen =
            super::walk(&map, &Board::new(&map), &Summary { id: "8".into(), count: 2, done: 2 });
        assert_eq!(reached(&unseen), [2, 2, 2]);
    }
}
