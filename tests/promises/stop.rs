//! A stop is clean, a second signal is at once, and nothing is lost either way.

use crate::rig::chain::{Chain, in_doubt};
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::orders::{Orders, key};
use crate::rig::process::example;
use crate::rig::{broker, machine, until};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// A second signal ends a process within this.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Restarted stages finish the rest: every topic has every pizza once, each stage has committed
/// all that it reads, and nothing is in doubt.
fn finished(chain: &Chain, orders: &Orders) {
    for (at, topic) in chain.topics.iter().enumerate() {
        let mut judge = Judge::of(&chain.brokers, topic);
        exactly_once(topic, judge.expect(orders.total(), LIMIT), &orders.written);
        assert_eq!(in_doubt(&chain.brokers, topic), 0, "{topic}");
        if at == chain.stages.len() {
            continue;
        }
        let (next, group) = (judge.next(), chain.group_of(at));
        let all = || group.committed().iter().zip(&next).all(|(done, next)| done >= next);
        until(&format!("all of {topic} is committed"), LIMIT, || all().then_some(()));
    }
}

#[test]
fn sigterm_under_load_ends_cleanly() {
    machine::alone();
    let chain = Chain::pizza(&broker::shared());
    let mut stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    let mut last = Judge::of(&chain.brokers, chain.last());
    orders.pace(1_000, 1_000, |_| {});
    last.expect(1_000, LIMIT);
    orders.write(60_000);
    until("the load arrives", LIMIT, || (last.look(Duration::ZERO) > 1_100).then_some(()));
    let started = Instant::now();
    for stage in &stages {
        stage.signal("-TERM");
    }
    for stage in &mut stages {
        let left = Duration::from_secs(10).saturating_sub(started.elapsed());
        assert_eq!(stage.end(left).code(), Some(0), "{}", stage.log.display());
        let log = std::fs::read_to_string(&stage.log).unwrap();
        assert!(!log.contains("not left in time"), "{}", stage.log.display());
    }
    eprintln!("all four ended after {:?}", started.elapsed());
    orders.flush();
    for topic in &chain.topics {
        assert_eq!(in_doubt(&chain.brokers, topic), 0, "{topic} after the stop");
    }
    let there = last.look(Duration::from_secs(2));
    eprintln!("{there} of {} were through", orders.total());
    assert!(there < orders.total(), "there was no load left to stop under");
    let _stages = chain.start_all();
    finished(&chain, &orders);
}

#[test]
fn a_second_signal_under_load_loses_nothing() {
    machine::alone();
    let chain = Chain::pizza(&broker::shared());
    let mut stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    let mut last = Judge::of(&chain.brokers, chain.last());
    orders.write(60_000);
    until("the load arrives", LIMIT, || (last.look(Duration::ZERO) > 100).then_some(()));
    // By now a fast chain may be through with it.
    orders.write(60_000);
    for stage in &mut stages {
        stage.signal("-TERM");
        let started = Instant::now();
        stage.signal("-INT");
        let code = stage.end(Duration::from_secs(10)).code();
        eprintln!("exit code {code:?} after {:?}", started.elapsed());
        // One that was through with its stop already is fine too.
        assert!(code == Some(130) || code == Some(0), "{code:?}: {}", stage.log.display());
        assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    }
    orders.flush();
    let there = last.look(Duration::from_secs(2));
    assert!(there < orders.total(), "there was no load left to stop under");
    let _stages = chain.start_all();
    finished(&chain, &orders);
}

#[test]
fn a_second_signal_ends_at_once_what_a_first_waits_for() {
    machine::alone();
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["dawdle"], "");
    // A handler that takes longer than a stop waits for: a first signal alone takes seconds.
    chain.env = vec![("HANG", format!("{}:10:20000", key(7)))];
    let mut stage = chain.start_program(example("dawdle"), "dawdle", 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    orders.pace(1_000, 1_000, |_| {});
    let mut judge = Judge::of(&chain.brokers, chain.last());
    // All but what waits for the one that hangs: numbers 10 to 24 of its order.
    judge.expect(1_000 - 15, LIMIT);
    stage.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!stage.has_ended(), "the first signal waits for what runs");
    let started = Instant::now();
    stage.signal("-INT");
    assert_eq!(stage.end(Duration::from_secs(5)).code(), Some(130));
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    chain.env.clear();
    let _stage = chain.start_program(example("dawdle"), "dawdle", 0);
    finished(&chain, &orders);
}
