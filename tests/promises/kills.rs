//! Nothing is lost, and nothing is there twice, however often stages die.

use crate::rig::chain::{Chain, Group};
use crate::rig::judge::{Judge, at_least_once, exactly_once};
use crate::rig::load::Load;
use crate::rig::process::Process;
use crate::rig::{broker, scaled, seed, until};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// Pizzas a second, in all the tests with kills.
const PACE: usize = 500;

/// Runs the four stages under load while they are killed, until they have been killed often enough
/// and there were this many pizzas; gives the written counts.
fn under_kills(chain: &Chain, kills: usize, pizzas: usize) -> Vec<usize> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let mut stages = chain.start_all();
    let load = Load::start(&chain.brokers, chain.first(), PACE);
    // The larger part of the time is left for looking, killing and starting.
    let pause = pizzas as u64 * 350 / (PACE * (kills + 2)) as u64;
    let groups: Vec<Group> = (0..stages.len()).map(|stage| chain.group_of(stage)).collect();
    let inputs = chain.topics.iter().take(stages.len());
    let mut inputs: Vec<Judge> = inputs.map(|topic| Judge::of(&chain.brokers, topic)).collect();
    let mut caught = 0;
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(rng.random_range(pause / 2..pause * 3 / 2)));
        let stage = rng.random_range(0..stages.len());
        inputs[stage].look(Duration::from_millis(50));
        let in_flight = kill_in_flight(&mut inputs[stage], &groups[stage], &mut stages[stage]);
        caught += usize::from(in_flight);
        stages[stage] = chain.start(&chain.stages[stage], 0);
    }
    until("enough pizzas", Duration::from_secs(120), || (load.total() >= pizzas).then_some(()));
    let written = load.end();
    eprintln!("{caught} of {kills} kills found records in flight");
    assert!(caught * 10 >= kills * 9, "only {caught} of {kills} kills found records in flight");
    let mut last = Judge::of(&chain.brokers, chain.last());
    last.expect(written.iter().sum(), Duration::from_secs(60));
    for stage in &mut stages {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
    written
}

/// Kills a stage at a moment when something that lay in its input is not committed, if such a
/// moment comes within ten seconds (the stage before it may have been killed just now); whether it
/// came. The process is frozen while we look.
fn kill_in_flight(input: &mut Judge, group: &Group, process: &mut Process) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    let mut in_flight = false;
    while !in_flight && Instant::now() < until {
        input.look(Duration::ZERO);
        process.signal("-STOP");
        let next = input.next();
        in_flight = next.iter().zip(group.committed()).any(|(next, committed)| committed < *next);
        if !in_flight {
            process.signal("-CONT");
        }
    }
    process.kill();
    in_flight
}

#[test]
fn forty_kills_exactly_once() {
    let chain = Chain::pizza(&broker::shared());
    let written = under_kills(&chain, scaled(40), scaled(20_000));
    for topic in &chain.topics {
        let mut judge = Judge::of(&chain.brokers, topic);
        let seen = judge.expect(written.iter().sum(), Duration::from_secs(20));
        exactly_once(topic, seen, &written);
    }
}

#[test]
fn kills_at_least_once_lose_nothing() {
    let mut chain = Chain::pizza(&broker::shared());
    chain.flags = vec!["--delivery".into(), "at-least-once".into()];
    let written = under_kills(&chain, scaled(20), scaled(6_000));
    let mut judge = Judge::of(&chain.brokers, chain.last());
    let seen = judge.expect(written.iter().sum(), Duration::from_secs(20));
    at_least_once(chain.last(), seen, &written);
}
