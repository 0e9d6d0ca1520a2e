//! Very much waits in the retry lane: a new owner is at work soon, in little memory, and works all of
//! it off.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, in_order};
use crate::rig::moods;
use crate::rig::orders::Orders;
use crate::rig::process::{Process, example};
use crate::rig::{broker, scaled, until};
use std::time::{Duration, Instant};

/// A new owner's first output comes within this time.
const SOON: Duration = Duration::from_secs(5);

/// What a stage may take, in megabytes.
const MEMORY: u64 = 100;

const PATIENT: &str = r#"retry = { policy = "ordered", attempts = 1000, backoff = "2s..30s", in_place_for = "10ms" }"#;

fn start(chain: &Chain) -> Process {
    chain.start_program(example("flaky"), "flaky", 0)
}

/// The most memory the process has had, in megabytes.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// `count` records of this many keys wait; then their owner dies, and what they lacked is back.
fn all_is_worked_off(keys: usize, first: usize, count: usize) {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["flaky"], PATIENT);
    let away = chain.dir.join("away");
    std::fs::write(&away, "").unwrap();
    chain.env.push(("AWAY", away.display().to_string()));
    let mut orders = Orders::from(&chain.brokers, chain.first(), first, keys);
    let begun = Instant::now();
    let mut stage = start(&chain);
    orders.write(count);
    orders.flush();
    let group = chain.group_of(0);
    until("all of it waits", Duration::from_secs(120), || {
        (group.committed().iter().sum::<i64>() >= count as i64).then_some(())
    });
    eprintln!(
        "{count} records of {keys} keys wait after {:.1?}, {} MB",
        begun.elapsed(),
        peak(&stage)
    );
    assert!(peak(&stage) <= MEMORY, "{} MB", peak(&stage));
    stage.kill();
    std::fs::remove_file(&away).unwrap();
    let again = Instant::now();
    let mut stage = start(&chain);
    let mut out = Judge::of(&chain.brokers, chain.last());
    until("a first output", Duration::from_secs(60), || {
        (out.look(Duration::from_millis(10)) > 0).then_some(())
    });
    let soon = again.elapsed();
    let pizzas = (0..keys).flat_map(|at| (0..orders.written[at]).map(move |seq| (first + at, seq)));
    let good = pizzas.filter(|(order, seq)| !moods::is_hopeless(*order, *seq)).count();
    out.expect(good, Duration::from_secs(180));
    eprintln!(
        "first output after {soon:.1?}, the last after {:.1?}, {} MB",
        again.elapsed(),
        peak(&stage)
    );
    assert_eq!(out.seen.len(), good, "something is left over");
    in_order("the output", &out.seen);
    assert!(soon <= SOON, "the first output came after {soon:?}");
    assert!(peak(&stage) <= MEMORY, "{} MB", peak(&stage));
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn one_key_with_very_many_records() {
    all_is_worked_off(1, 7, scaled(100_000));
}

#[test]
fn very_many_keys_with_a_record_each() {
    let keys = scaled(100_000);
    all_is_worked_off(keys, 1000, keys);
}
