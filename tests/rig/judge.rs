//! An independent reader: a plain consumer that sees committed records only, and its judgement.

use super::chain::{PARTITIONS, reader};
use super::reminder::Reminder;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Seen {
    pub partition: i32,
    pub offset: i64,
    pub time: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().rev().find(|(known, _)| known == name)?;
        Some(String::from_utf8_lossy(found.1.as_deref().unwrap_or_default()).into_owned())
    }
}

/// Reads a topic from the beginning, on and on.
pub struct Judge {
    consumer: BaseConsumer,
    reminder: Reminder,
    pub seen: Vec<Seen>,
}

impl Judge {
    pub fn of(brokers: &str, topic: &str) -> Judge {
        Judge::with(reader(brokers, "judge"), brokers, topic)
    }

    fn with(consumer: BaseConsumer, brokers: &str, topic: &str) -> Judge {
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        Judge { consumer, reminder: Reminder::new(brokers), seen: Vec::new() }
    }

    /// One that also sees what aborted transactions left.
    pub fn of_aborted_too(brokers: &str, topic: &str) -> Judge {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "judge")
            .set("isolation.level", "read_uncommitted")
            .create();
        Judge::with(consumer.unwrap(), brokers, topic)
    }

    /// Reads what is there by now.
    pub fn look(&mut self, wait: Duration) -> usize {
        self.reminder.remind(self.consumer.client().native_ptr());
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.consumer.poll(left) {
                Some(Ok(message)) => {
                    let headers = message.headers().map(|headers| {
                        let own = |v: &[u8]| v.to_vec();
                        headers.iter().map(|h| (h.key.to_owned(), h.value.map(own))).collect()
                    });
                    self.seen.push(Seen {
                        partition: message.partition(),
                        offset: message.offset(),
                        time: message.timestamp().to_millis().unwrap_or(-1),
                        key: message.key().map(<[u8]>::to_vec),
                        value: message.payload().map(<[u8]>::to_vec),
                        headers: headers.unwrap_or_default(),
                    });
                }
                Some(Err(_)) => {}
                None if left.is_zero() => return self.seen.len(),
                None => {}
            }
        }
    }

    /// Behind the last record seen, by partition. The partition's end is no measure: a mark of the
    /// record's transaction may lie in between.
    pub fn next(&self) -> Vec<i64> {
        let mut next = vec![0; PARTITIONS as usize];
        for record in &self.seen {
            next[record.partition as usize] = record.offset + 1;
        }
        next
    }

    /// Reads until there are this many, then a little longer: nothing may be left over.
    pub fn expect(&mut self, count: usize, limit: Duration) -> &[Seen] {
        let until = Instant::now() + limit;
        while self.look(Duration::from_millis(50)) < count {
            assert!(Instant::now() < until, "{} of {count} after {limit:?}", self.seen.len());
        }
        self.look(Duration::from_secs(2));
        &self.seen
    }
}

/// How many times each pizza is there, by order and number.
pub fn counted(seen: &[Seen]) -> HashMap<(String, usize), usize> {
    let mut counts = HashMap::new();
    for record in seen {
        *counts.entry(identity(record)).or_default() += 1;
    }
    counts
}

pub fn identity(record: &Seen) -> (String, usize) {
    let order = String::from_utf8(record.key.clone().unwrap()).unwrap();
    (order.trim_matches('"').to_owned(), record.header("pizza-seq").unwrap().parse().unwrap())
}

/// Every pizza of every order exactly once, and each order's in line.
pub fn exactly_once(what: &str, seen: &[Seen], written: &[usize]) {
    none_missing(what, seen, written);
    let twice: Vec<_> = counted(seen).into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{what}: {} more than once, such as {:?}", twice.len(), &twice[..1]);
    assert_eq!(seen.len(), written.iter().sum::<usize>(), "{what}: something is left over");
    in_order(what, seen);
}

pub fn none_missing(what: &str, seen: &[Seen], written: &[usize]) {
    let counts = counted(seen);
    for (order, pizzas) in written.iter().enumerate() {
        for seq in 0..*pizzas {
            let there = counts.contains_key(&(order.to_string(), seq));
            assert!(there, "{what}: order {order} pizza {seq} is missing");
        }
    }
}

/// Within each order the numbers ascend.
pub fn in_order(what: &str, seen: &[Seen]) {
    let mut last: HashMap<String, usize> = HashMap::new();
    for record in seen {
        let (order, seq) = identity(record);
        let before = last.insert(order.clone(), seq);
        assert!(
            before.is_none_or(|before| before < seq),
            "{what}: order {order}: {seq} after {before:?}"
        );
    }
}

/// Every pizza there, and the first of each in its order's line: what at least once promises.
pub fn at_least_once(what: &str, seen: &[Seen], written: &[usize]) {
    none_missing(what, seen, written);
    let mut known = HashSet::new();
    let firsts: Vec<Seen> =
        seen.iter().filter(|record| known.insert(identity(record))).cloned().collect();
    in_order(what, &firsts);
}
