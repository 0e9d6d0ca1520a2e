//! A stop is clean, a second signal is at once, and nothing is lost either way.

use crate::rig::broker;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::orders::{Orders, key};
use crate::rig::process::example;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn sigterm_under_load_ends_cleanly() {
    let chain = Chain::pizza(&broker::shared());
    let mut stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    orders.pace(3_000, 1_000, |_| {});
    orders.write(20_000);
    orders.flush();
    for stage in &stages {
        stage.signal("-TERM");
    }
    for stage in &mut stages {
        let started = Instant::now();
        assert_eq!(stage.end(Duration::from_secs(10)).code(), Some(0), "{}", stage.log.display());
        eprintln!("ended after {:?}", started.elapsed());
    }
    // Nothing is in doubt: a plain reader of each topic sees all that was committed, and the
    // restarted stages finish the rest.
    let _stages = chain.start_all();
    for topic in &chain.topics {
        let mut judge = Judge::of(&chain.brokers, topic);
        exactly_once(topic, judge.expect(orders.total(), LIMIT), &orders.written);
    }
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["dawdle"], "");
    // A handler that takes longer than a stop waits for: a first signal alone takes seconds.
    chain.env = vec![("HANG", format!("{}:10:20000", key(7)))];
    let mut stage = chain.start_program(example("dawdle"), "dawdle", 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    orders.pace(1_000, 1_000, |_| {});
    let mut judge = Judge::of(&chain.brokers, chain.last());
    judge.expect(1_000 - 15, LIMIT);
    stage.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!stage.has_ended(), "the first signal waits for what runs");
    let started = Instant::now();
    stage.signal("-INT");
    assert_eq!(stage.end(Duration::from_secs(5)).code(), Some(130));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    chain.env.clear();
    let _stage = chain.start_program(example("dawdle"), "dawdle", 0);
    exactly_once(chain.last(), judge.expect(orders.total(), LIMIT), &orders.written);
}
