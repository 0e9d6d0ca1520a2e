//! A broker that is away for half a minute is no reason to lose, repeat or give up anything.

use crate::rig::broker::Own;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, Seen, at_least_once, exactly_once};
use crate::rig::load::Load;
use crate::rig::{scaled, until};
use std::time::{Duration, Instant};

/// For the chain to go on, and to catch up.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn the_broker_is_away_under_load() {
    away("exactly-once", exactly_once);
}

#[test]
fn the_broker_is_away_at_least_once() {
    away("at-least-once", at_least_once);
}

fn away(delivery: &str, judged: impl Fn(&str, &[Seen], &[usize])) {
    let broker = Own::start();
    let mut chain = Chain::pizza(&broker.address);
    chain.flags = vec!["--delivery".into(), delivery.into()];
    let mut stages = chain.start_all();
    let load = Load::start(&chain.brokers, chain.first(), 500);
    let mut last = Judge::of(&chain.brokers, chain.last());
    let mut more = |than: usize| {
        let look = || {
            for stage in &mut stages {
                assert!(!stage.has_ended(), "{} ended by itself", stage.log.display());
            }
            (last.look(Duration::from_millis(50)) > than).then_some(())
        };
        until(&format!("more than {than} pizzas"), LIMIT, look);
    };
    more(1_000);
    broker.stop();
    let before = load.total();
    let away = Duration::from_secs(scaled(30).max(8) as u64);
    std::thread::sleep(away);
    broker.start_again();
    let back = Instant::now();
    // What came while it was away arrives, and then what comes now.
    let kept = load.total();
    more(kept);
    eprintln!(
        "{away:?} away, {} kept waiting, all there after {:?}",
        kept - before,
        back.elapsed()
    );
    let written = load.end();
    for topic in &chain.topics {
        let mut judge = Judge::of(&chain.brokers, topic);
        judged(topic, judge.expect(written.iter().sum(), LIMIT), &written);
    }
    for stage in &mut stages {
        assert!(!stage.has_ended(), "{}", stage.log.display());
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
}
