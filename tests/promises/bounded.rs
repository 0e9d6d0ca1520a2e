//! A stage takes in no more than it can work on, however much lies before it.

use crate::rig::broker;
use crate::rig::chain::Chain;
use crate::rig::judge::Judge;
use crate::rig::orders::{Orders, key};
use crate::rig::process::example;
use rdkafka::message::{Header, OwnedHeaders};
use std::time::Duration;

/// What lies before the stage, in MiB.
const BACKLOG: usize = 256;

/// 16 MiB fetched ahead, 16 MiB waiting behind their keys, two windows of 8 MiB with the client's
/// copy of each, what fetches hold on their way, what the allocator keeps, and the program: 135 MiB
/// were measured.
const ALLOWED: usize = 192;

/// Its first record holds up one key, so that its partition fills up to all its limits.
#[test]
fn memory_does_not_grow_with_the_backlog() {
    const SIZE: usize = 32 * 1024;
    const KEYS: usize = 100;
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["dawdle"], "");
    chain.env = vec![("HANG", format!("{}:0:5000", key(7)))];
    let orders = Orders::new(&chain.brokers, chain.first(), KEYS);
    let count = BACKLOG * 1024 * 1024 / SIZE;
    let value = vec![b'x'; SIZE];
    for number in 0..count {
        let seq = (number / KEYS).to_string();
        let header = Header { key: "pizza-seq", value: Some(&seq) };
        let headers = OwnedHeaders::new().insert(header);
        orders.send(Some(key(number % KEYS).as_bytes()), Some(&value), headers);
    }
    orders.flush();
    let mut stage = chain.start_program(example("dawdle"), "dawdle", 0);
    let mut out = Judge::of(&chain.brokers, chain.last());
    assert_eq!(out.expect(count, Duration::from_secs(60)).len(), count);
    let most = stage.most_memory() / 1024 / 1024;
    eprintln!("at most {most} MiB with a backlog of {BACKLOG} MiB");
    assert!(most <= ALLOWED, "{most} MiB");
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}
