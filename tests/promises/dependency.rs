//! What a stage depends on may be away for as long as it likes: that is nobody's poison.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, at_least_once, exactly_once, in_order};
use crate::rig::load::Load;
use crate::rig::process::example;
use crate::rig::{broker, scaled, until};
use std::time::{Duration, Instant};

/// Pizzas a second.
const PACE: usize = 1000;

/// For what waited to be worked off.
const LIMIT: Duration = Duration::from_secs(60);

const IN_PLACE: &str = r#"retry = { policy = "in-place", attempts = 2, backoff = "50ms..400ms" }"#;

const ORDERED: &str = r#"retry = { policy = "ordered", attempts = 2, backoff = "50ms..400ms", in_place_for = "1ms" }"#;

fn leans(more: &str) -> Chain {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["leans"], more);
    let prices = chain.dir.join("prices");
    std::fs::write(&prices, "margherita 7").unwrap();
    chain.env.push(("PRICES", prices.display().to_string()));
    chain
}

/// Away under load, and back: nothing is given up, parked or tried in vain by all at once, and the stage
/// goes on when it is back. `empty`: the topics beside the input in which nothing is to be.
fn away(chain: &Chain, empty: &[&str]) {
    let prices = chain.dir.join("prices");
    let mut stage = chain.start_program(example("leans"), "leans", 0);
    let load = Load::start(&chain.brokers, chain.first(), PACE);
    let mut out = Judge::of(&chain.brokers, chain.last());
    out.expect(PACE, LIMIT);
    std::fs::remove_file(&prices).unwrap();
    std::thread::sleep(Duration::from_secs(scaled(60).max(8) as u64));
    out.look(Duration::from_secs(1));
    let (before, kept) = (out.seen.len(), load.total());
    std::fs::write(&prices, "margherita 8").unwrap();
    let back = Instant::now();
    let (mut first, mut all) = (None, None);
    until("all that waited", LIMIT, || {
        out.look(Duration::from_millis(20));
        first = first.or((out.seen.len() > before).then(|| back.elapsed()));
        all = (out.seen.len() >= kept).then(|| back.elapsed());
        all
    });
    eprintln!("{} waited; the first after {first:.1?}, the last after {all:.1?}", kept - before);
    assert!(first < Some(Duration::from_secs(3)), "it goes on late: {first:?}");
    let written = load.end();
    out.expect(written.iter().sum(), LIMIT);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    out.look(Duration::from_secs(1));
    if chain.flags.is_empty() {
        exactly_once("the output", &out.seen, &written);
        in_order("the output", &out.seen);
    } else {
        at_least_once("the output", &out.seen, &written);
    }
    for topic in empty {
        let mut judge = Judge::of(&chain.brokers, &format!("{}.leans.{topic}", chain.first()));
        judge.look(Duration::from_secs(1));
        assert!(judge.seen.is_empty(), "{} in {topic}", judge.seen.len());
    }
    let log = std::fs::read_to_string(&stage.log).unwrap();
    let said = log.matches("what the stage depends on is away").count();
    assert_eq!(said, 1, "said when it changes, and only then: {log}");
}

#[test]
fn nothing_is_given_up_while_a_dependency_is_away() {
    away(&leans(IN_PLACE), &["dlq"]);
}

#[test]
fn nor_with_async_handlers_at_least_once() {
    let mut chain = leans(IN_PLACE);
    chain.env.push(("SLOWLY", "1".into()));
    chain.flags = vec!["--delivery".into(), "at-least-once".into()];
    away(&chain, &["dlq"]);
}

#[test]
fn nothing_is_parked_while_a_dependency_is_away() {
    let mut chain = leans(ORDERED);
    chain.env.push(("SLOWLY", "1".into()));
    away(&chain, &["dlq", "retry", "redirect"]);
}

#[test]
fn nor_in_batches() {
    let mut chain = leans(ORDERED);
    chain.env.push(("TOGETHER", "1".into()));
    away(&chain, &["dlq", "retry", "redirect"]);
}

#[test]
fn a_stop_does_not_wait_for_a_dependency() {
    let chain = leans(IN_PLACE);
    let prices = chain.dir.join("prices");
    std::fs::remove_file(&prices).unwrap();
    let mut stage = chain.start_program(example("leans"), "leans", 0);
    let load = Load::start(&chain.brokers, chain.first(), PACE);
    until("the stage to notice", LIMIT, || {
        let log = std::fs::read_to_string(&stage.log).unwrap();
        log.contains("what the stage depends on is away").then_some(())
    });
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    let written = load.end();
    std::fs::write(&prices, "margherita 8").unwrap();
    let mut stage = chain.start_program(example("leans"), "leans", 0);
    let mut out = Judge::of(&chain.brokers, chain.last());
    exactly_once("the output", out.expect(written.iter().sum(), LIMIT), &written);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}
