//! A broker that is away for half a minute is no reason to lose, repeat or give up anything.

use crate::rig::broker::Own;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::orders::Orders;
use crate::rig::scaled;
use std::time::Duration;

#[test]
fn the_broker_is_away_under_load() {
    let broker = Own::start();
    let chain = Chain::pizza(&broker.address);
    let mut stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
    orders.pace(2_000, 500, |_| {});
    let writer = std::thread::spawn(move || {
        // Its own client waits for the broker as well.
        orders.pace(4_000, 500, |_| {});
        orders.written
    });
    broker.stop();
    std::thread::sleep(Duration::from_secs(scaled(30).max(8) as u64));
    broker.start_again();
    let written = writer.join().unwrap();
    for topic in &chain.topics {
        let mut judge = Judge::of(&chain.brokers, topic);
        let seen = judge.expect(written.iter().sum(), Duration::from_secs(90));
        exactly_once(topic, seen, &written);
    }
    for stage in &mut stages {
        assert!(!stage.has_ended(), "{}", stage.log.display());
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
}
