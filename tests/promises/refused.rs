//! What only the broker refuses: the output topic takes less than it did when the stage started.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, at_least_once, exactly_once};
use crate::rig::limit::limit;
use crate::rig::orders::{Orders, key, value};
use crate::rig::process::Process;
use crate::rig::{broker, until};
use rdkafka::message::OwnedHeaders;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// More than the output topic takes later, less than it takes when the stage starts.
const LARGE: usize = 30_000;

/// Less than any pizza, more than the 78 bytes that end a transaction: Kafka has no end otherwise.
const SMALL: usize = 100;

const AT_LEAST_ONCE: &str = "at-least-once";

fn started(delivery: &str) -> (Chain, Process) {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["sauce"], "");
    chain.flags = vec!["--delivery".into(), delivery.into()];
    let stage = chain.start("sauce", 0);
    until("the stage has its partitions", LIMIT, || chain.group_of(0).shares());
    (chain, stage)
}

/// One pizza with a note that compression makes little of.
fn large() -> String {
    let letter = |_| char::from(rand::random_range(b'A'..=b'Z'));
    let note: String = (0..LARGE).map(letter).collect();
    value(7).replacen('{', &format!(r#"{{"note":"{note}","#), 1)
}

#[test]
fn one_output_is_refused_exactly_once() {
    only_the_refused_dies("exactly-once");
}

#[test]
fn one_output_is_refused_at_least_once() {
    only_the_refused_dies(AT_LEAST_ONCE);
}

fn only_the_refused_dies(delivery: &str) {
    let (chain, mut stage) = started(delivery);
    limit(&chain.brokers, chain.last(), 20_000);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 50);
    orders.write(1_000);
    orders.send(Some(key(7).as_bytes()), Some(large().as_bytes()), OwnedHeaders::new());
    orders.write(1_000);
    orders.flush();
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    let dead = dead.expect(1, LIMIT);
    assert_eq!(dead.len(), 1, "{delivery}: only one was too large");
    assert!(dead[0].value.as_ref().is_some_and(|value| value.len() > LARGE));
    assert_eq!(dead[0].header("__stage.errors.disposition").as_deref(), Some("production"));
    let mut out = Judge::of(&chain.brokers, chain.last());
    let good = out.expect(orders.total(), LIMIT);
    match delivery {
        AT_LEAST_ONCE => at_least_once(delivery, good, &orders.written),
        _ => exactly_once(delivery, good, &orders.written),
    }
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn nothing_is_committed_whose_output_did_not_arrive() {
    for delivery in ["exactly-once", AT_LEAST_ONCE] {
        let (chain, mut stage) = started(delivery);
        let topics = [chain.last().to_owned(), chain.dead_letters(0)];
        for topic in &topics {
            limit(&chain.brokers, topic, SMALL);
        }
        let mut orders = Orders::new(&chain.brokers, chain.first(), 1);
        orders.write(1);
        orders.flush();
        // Neither its output nor its dead letter has a place.
        assert_eq!(stage.end(LIMIT).code(), Some(1), "{}", stage.log.display());
        let committed = chain.group_of(0).committed();
        assert_eq!(committed.iter().sum::<i64>(), 0, "{delivery}: committed, and nowhere");
        for topic in &topics {
            limit(&chain.brokers, topic, 1_000_000);
        }
        let _stage = chain.start("sauce", 0);
        let mut out = Judge::of(&chain.brokers, chain.last());
        exactly_once(delivery, out.expect(1, LIMIT), &orders.written);
    }
}
