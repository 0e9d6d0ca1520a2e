//! A machine whose clock is ahead parks records, and another takes over: they wait no longer than they were to.

use super::lane::parked;
use crate::rig::chain::Chain;
use crate::rig::judge::Judge;
use crate::rig::orders::Orders;
use crate::rig::process::example;
use crate::rig::{broker, until};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// As far as Kafka takes records, nearly.
const AHEAD: Duration = Duration::from_secs(50 * 60);

const KEYS: usize = 5;

/// To join and to park; and for who takes over to join, to wait and to finish.
const LIMIT: Duration = Duration::from_secs(60);

/// Long enough that the stage dies before it tries again.
const POLICY: &str =
    r#"retry = { policy = "ordered", attempts = 20, backoff = "15s..15s", in_place_for = "40ms" }"#;

const CLOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture/src/clock.c");

#[test]
fn what_a_clock_that_is_ahead_has_parked_is_tried_when_it_was_to_be() {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["flaky"], POLICY);
    let away = chain.dir.join("away");
    std::fs::write(&away, "").unwrap();
    let text = |path: &Path| path.display().to_string();
    let (library, wrong) = (chain.dir.join("clock.so"), chain.dir.join("wrong"));
    let flags = ["-O2", "-shared", "-fPIC", "-o", &text(&library), CLOCK];
    assert!(Command::new("cc").args(flags).status().unwrap().success(), "cc {flags:?}");
    std::fs::write(&wrong, (AHEAD.as_nanos() as i64).to_ne_bytes()).unwrap();
    chain.env = vec![
        ("AWAY", text(&away)),
        ("LD_PRELOAD", text(&library)),
        ("TORTURE_CLOCK", text(&wrong)),
    ];
    let mut ahead = chain.start_program(example("flaky"), "flaky", 0);
    let mut orders = Orders::from(&chain.brokers, chain.first(), 1000, KEYS);
    orders.write(KEYS);
    orders.flush();
    let all = || (parked(&chain).len() == KEYS).then_some(());
    until("all of them parked", LIMIT, all);
    ahead.kill();
    std::fs::remove_file(&away).unwrap();
    chain.env.clear();
    let mut right = chain.start_program(example("flaky"), "flaky", 0);
    let mut out = Judge::of(&chain.brokers, chain.last());
    assert_eq!(out.expect(KEYS, LIMIT).len(), KEYS);
    assert!(parked(&chain).is_empty());
    assert!(right.stop(Duration::from_secs(10)).success(), "{}", right.log.display());
}
