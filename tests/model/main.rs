//! The simulation believes in a model of Kafka. What was asked of that model in recorded schedules, and what it
//! answered, is asked of a real broker here, which has to answer the same.

#[path = "../rig/mod.rs"]
mod rig;

mod engine;

use engine::Engine;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Written by the simulation, and kept as it is by a test there (`record.rs` says what the lines mean).
const RECORDED: &str = include_str!("../../stage-sdk/tests/simulation/recorded.txt");

/// At once: what takes time is waiting for a predecessor's transaction to end.
const SIDE_BY_SIDE: usize = 6;

#[test]
fn a_real_broker_answers_what_the_model_answered() {
    let brokers = rig::broker::shared();
    let schedules: Vec<&str> = RECORDED.split("schedule ").skip(1).collect();
    assert!(schedules.len() > 20, "only {} are recorded", schedules.len());
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..SIDE_BY_SIDE {
            threads.spawn(|| {
                while let Some(recorded) = schedules.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ask(&brokers, recorded);
                }
            });
        }
    });
}

fn ask(brokers: &str, recorded: &str) {
    let mut lines = recorded.lines();
    let (seed, partitions) = lines.next().and_then(|head| head.split_once(' ')).unwrap();
    let lines: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    let mut engine = Engine::new(brokers, partitions.parse().unwrap(), logs(&lines));
    for (number, line) in lines.iter().enumerate() {
        if let Err(otherwise) = engine.does(line) {
            panic!("schedule {seed}, line {}, {}: {otherwise}", number + 1, line.join(" "));
        }
    }
}

/// How many logs a schedule writes to.
fn logs(lines: &[Vec<&str>]) -> usize {
    let at = |line: &Vec<&str>| match line[..] {
        ["write", _, log, _] | ["alone", log, _] => log.parse().ok(),
        _ => None,
    };
    lines.iter().filter_map(at).max().map_or(1, |log: usize| log + 1)
}
