//! What was seen of orders and topics. It is told all, and asks nobody.

use super::map::Map;
use super::second::Lately;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Orders that are remembered; the page lists fewer.
const ORDERS: usize = 10_000;

/// What was seen.
#[derive(Debug)]
pub(super) struct Board {
    began: Instant,
    topics: Vec<Seen>,
    /// Records of each order, topic by topic.
    orders: HashMap<Arc<str>, Box<[u32]>>,
    /// The same orders, by when they were seen first.
    known: VecDeque<Arc<str>>,
    /// Where the partitions of each topic ended when the broker was asked: what came since is no stage's delay.
    asked: Vec<Vec<i64>>,
    standings: Vec<Standing>,
    changes: u64,
}

/// Of a topic.
#[derive(Debug, Default)]
struct Seen {
    lately: Lately,
    /// For each partition the offset after the last record.
    ends: Vec<i64>,
}

/// How a stage stands, as the broker knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The next offset of each partition of its input; none: nothing is committed, or it is not known.
    pub(super) next: Option<Vec<Option<i64>>>,
    /// Members of its group.
    pub(super) instances: Option<usize>,
}

impl Board {
    pub(super) fn new(map: &Map) -> Board {
        Board {
            began: Instant::now(),
            topics: map.topics.iter().map(|_| Seen::default()).collect(),
            orders: HashMap::new(),
            known: VecDeque::new(),
            asked: vec![Vec::new(); map.topics.len()],
            standings: vec![Standing::default(); map.stages.len()],
            changes: 0,
        }
    }

    /// Grows with everything that can be seen.
    pub(super) fn changes(&self) -> (u64, u64) {
        (self.changes, self.second())
    }

    /// Reading of a partition begins here: what comes before is not looked at. Begun anew, it goes on where it was.
    pub(super) fn begins(&mut self, topic: usize, partition: usize, offset: i64) {
        let ends = &mut self.topics[topic].ends;
        if ends.len() <= partition {
            ends.resize(partition + 1, 0);
        }
        ends[partition] = ends[partition].max(offset);
    }

    /// A record. `order`: whose it is; `age`: how old it was when it came; none: it was there before.
    pub(super) fn came(
        &mut self,
        topic: usize,
        partition: usize,
        offset: i64,
        order: Option<&str>,
        age: Option<Duration>,
    ) {
        let second = self.second();
        let seen = &mut self.topics[topic];
        match seen.ends.get_mut(partition) {
            // It came before: reading began anew.
            Some(end) if offset < *end => return,
            Some(end) => *end = offset + 1,
            None => {}
        }
        self.changes += 1;
        if let Some(age) = age {
            seen.lately.came(second, age.as_millis().try_into().unwrap_or(u32::MAX));
        }
        if let Some(order) = order {
            self.order(order)[topic] += 1;
        }
    }

    /// From here on the broker is asked how the stages stand.
    pub(super) fn ask(&mut self) {
        self.asked = self.topics.iter().map(|seen| seen.ends.clone()).collect();
    }

    /// How the stages stand, in their order.
    pub(super) fn stand(&mut self, standings: Vec<Standing>) {
        self.standings = standings;
    }

    /// How many records of an order came to each topic.
    pub(super) fn reached(&self, order: &str) -> Option<&[u32]> {
        self.orders.get(order).map(|counts| &**counts)
    }

    /// Records a second, and the ages of half of them and of 99 of 100 at most, in milliseconds.
    pub(super) fn pace(&self, topic: usize) -> (f64, Option<(u32, u32)>) {
        let (lately, now) = (&self.topics[topic].lately, self.second());
        (lately.rate(now), lately.ages(now))
    }

    /// Records of its input that a stage had not done when the broker was asked, about; and its instances.
    pub(super) fn standing(&self, stage: usize, input: usize) -> (Option<i64>, Option<usize>) {
        let Some(standing) = self.standings.get(stage) else { return (None, None) };
        let left = |next: &Vec<Option<i64>>| {
            // Where nothing is committed the stage begins at the beginning.
            self.asked[input]
                .iter()
                .zip(next)
                .map(|(end, next)| (end - next.unwrap_or(0)).max(0))
                .sum()
        };
        (standing.next.as_ref().map(left), standing.instances)
    }

    fn order(&mut self, order: &str) -> &mut [u32] {
        if !self.orders.contains_key(order) {
            if self.known.len() == ORDERS
                && let Some(oldest) = self.known.pop_front()
            {
                self.orders.remove(&oldest);
            }
            self.known.push_back(order.into());
        }
        let topics = self.topics.len();
        self.orders.entry(order.into()).or_insert_with(|| vec![0; topics].into())
    }

    fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage_sdk::chain::Chain;

    fn board() -> Board {
        let chain = r#"
            [chain]
            name = "shop"
            [topics]
            raw = { partitions = 2, source = true }
            done = { partitions = 2 }
            [stages.make]
            input = "raw"
            output = "done"
        "#;
        Board::new(&Map::of(&Chain::parse(chain, "test").unwrap()))
    }

    #[test]
    fn an_order_is_counted_topic_by_topic() {
        let mut board = board();
        for (topic, offset) in [(0, 0), (0, 1), (1, 0)] {
            board.came(topic, 0, offset, Some("7"), None);
        }
        board.came(0, 0, 2, None, None);
        assert_eq!(board.reached("7"), Some(&[2, 1][..]));
        assert_eq!(board.reached("8"), None);
    }

    #[test]
    fn what_is_read_again_counts_once() {
        let mut board = board();
        for _ in 0..2 {
            board.begins(0, 0, 10);
            (10..13).for_each(|offset| board.came(0, 0, offset, Some("7"), None));
        }
        assert_eq!(board.reached("7"), Some(&[3, 0][..]));
    }

    #[test]
    fn the_oldest_order_is_forgotten_first() {
        let mut board = board();
        for order in 0..=ORDERS {
            board.came(0, 0, order as i64, Some(&order.to_string()), None);
        }
        assert_eq!(board.reached("0"), None);
        assert!(board.reached("1").is_some() && board.orders.len() == ORDERS);
    }

    #[test]
    fn what_a_stage_has_left_ends_with_the_last_record_not_with_a_mark_behind_it() {
        let mut board = board();
        assert_eq!(board.standing(0, 0), (None, None));
        board.begins(0, 0, 100);
        board.begins(0, 1, 50);
        board.came(0, 0, 109, None, None);
        board.ask();
        board.came(0, 0, 110, None, None);
        let stand = |next| Standing { next: Some(next), instances: Some(1) };
        board.stand(vec![stand(vec![Some(104), Some(50)])]);
        assert_eq!(board.standing(0, 0), (Some(6), Some(1)));
        // The mark of the transaction is at 110.
        board.stand(vec![stand(vec![Some(111), Some(52)])]);
        assert_eq!(board.standing(0, 0), (Some(0), Some(1)));
        board.stand(vec![stand(vec![None, Some(40)])]);
        assert_eq!(board.standing(0, 0), (Some(120), Some(1)));
    }
}
