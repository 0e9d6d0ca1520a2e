//! What a stage's operator sees is so, and what they say is done.

mod levers;
mod why;

use crate::rig::admin::{Admin, flags};
use crate::rig::chain::{Chain, PARTITIONS};
use crate::rig::judge::Judge;
use crate::rig::moods;
use crate::rig::orders::Orders;
use crate::rig::process::example;
use crate::rig::{broker, until};
use std::collections::BTreeSet;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn chain(stage: &str, more: &str) -> Chain {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &[stage], more);
    chain.flags = flags();
    chain
}

#[test]
fn counters_are_what_a_reader_counts() {
    const ORDERS: usize = 400;
    let chain = chain("flaky", r#"retry = { policy = "in-place", backoff = "1ms..5ms" }"#);
    let mut orders = Orders::new(&chain.brokers, chain.first(), ORDERS);
    orders.write(4 * ORDERS);
    orders.flush();
    let stage = chain.start_program(example("flaky"), "flaky", 0);
    let admin = Admin::of(&stage);
    let pizzas = || (0..ORDERS).flat_map(|order| (0..4).map(move |seq| (order, seq)));
    let hopeless = pizzas().filter(|(o, s)| moods::is_hopeless(*o, *s)).count();
    let again = pizzas().filter(|(o, s)| !moods::is_hopeless(*o, *s));
    let again: u32 = again.map(|(o, s)| moods::failures(o, s)).sum();
    let mut out = Judge::of(&chain.brokers, chain.last());
    out.expect(4 * ORDERS - hopeless, LIMIT);
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    dead.expect(hopeless, LIMIT);
    admin.until("stage_records_out", |count| count == out.seen.len() as f64);
    admin.until("stage_records_in", |count| count == (4 * ORDERS) as f64);
    admin.until("stage_retry_attempts", |count| count == f64::from(again));
    let letters = |why: &str| admin.metric("stage_dead_letters", why).unwrap();
    assert_eq!(letters("disposition=\"rejected\""), dead.seen.len() as f64);
    assert_eq!(letters(""), dead.seen.len() as f64);
    assert!(hopeless > 0 && again > 0, "{hopeless} {again}");
    for gauge in ["stage_lag_records", "stage_lag_seconds", "stage_in_flight", "stage_waiting"] {
        admin.until(gauge, |value| value == 0.0);
    }
    let commits = admin.metric("stage_commit_duration_count", "").unwrap();
    assert!(commits > 0.0 && admin.metric("stage_commit_duration_bucket", "+Inf") == Some(commits));
    assert!(admin.metric("stage_rebalance_duration_count", "").unwrap() > 0.0);
    let group = format!("stage=\"flaky\",group=\"{}\"", chain.group("flaky"));
    assert!(admin.metric("stage_records_in", &group).is_some(), "labels");
}

#[test]
fn blocked_keys_come_and_go() {
    let mut chain = chain(
        "flaky",
        r#"retry = { policy = "ordered", attempts = 1000, backoff = "20ms..40ms", in_place_for = "10ms" }"#,
    );
    let away = chain.dir.join("away");
    std::fs::write(&away, "").unwrap();
    chain.env.push(("AWAY", away.display().to_string()));
    let stage = chain.start_program(example("flaky"), "flaky", 0);
    let admin = Admin::of(&stage);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 10);
    orders.write(200);
    orders.flush();
    admin.until("stage_records_parked", |parked| parked == 20.0);
    admin.until("stage_keys_blocked", |keys| keys == 1.0);
    admin.until("stage_keys_blocked_age_max", |age| age > 1.0);
    let parked = |partition: &serde_json::Value| partition["parked"].as_u64() == Some(20);
    let partition = admin.partitions().into_iter().find(parked).unwrap();
    let state = partition["head"]["state"].as_str().unwrap();
    assert!(state.starts_with("parked"), "{partition:#}");
    let scheduled = admin.metric("stage_retry_scheduled", "").unwrap();
    assert!(scheduled >= 1.0, "{scheduled}");
    std::fs::remove_file(away).unwrap();
    for gauge in ["stage_keys_blocked", "stage_records_parked", "stage_keys_blocked_age_max"] {
        admin.until(gauge, |value| value == 0.0);
    }
}

/// The partitions that have a gauge here.
fn gauged(admin: &Admin) -> BTreeSet<i32> {
    let has = |number: &i32| {
        admin.metric("stage_lag_records", &format!("partition=\"{number}\"")).is_some()
    };
    (0..PARTITIONS).filter(has).collect()
}

#[test]
fn a_partition_given_away_takes_its_gauges_along() {
    let chain = chain("sauce", "");
    let one = chain.start("sauce", 0);
    let one = (Admin::of(&one), one);
    until("all partitions are seen", LIMIT, || (gauged(&one.0).len() == 4).then_some(()));
    let two = chain.start("sauce", 1);
    let two = (Admin::of(&two), two);
    until("each is seen at its owner", LIMIT, || {
        let (first, second) = (gauged(&one.0), gauged(&two.0));
        let all: BTreeSet<i32> = first.union(&second).copied().collect();
        (first.len() == 2 && second.len() == 2 && all.len() == 4).then_some(())
    });
}

/// The chain's own topics end with marks of transactions, which are no records.
#[test]
fn who_has_done_everything_has_no_lag() {
    let mut chain = Chain::pizza(&broker::shared());
    chain.flags = flags();
    let stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 7);
    orders.write(300);
    orders.flush();
    Judge::of(&chain.brokers, chain.last()).expect(300, LIMIT);
    for stage in &stages {
        let admin = Admin::of(stage);
        until("no lag is left", LIMIT, || {
            let done = admin.partitions().iter().all(|p| p["lag"].as_i64() == Some(0));
            (done && admin.partitions().len() == 4).then_some(())
        });
        assert_eq!(admin.metric("stage_records_in", ""), Some(300.0));
        assert_eq!(admin.metric("stage_lag_records", ""), Some(0.0));
    }
}
