//! Who has nothing to do does nothing.

use crate::rig::chain::Chain;
use crate::rig::judge::Judge;
use crate::rig::orders::Orders;
use crate::rig::{broker, machine, until};
use std::time::Duration;

/// Of one core, for all four stages together.
const ALLOWED: f64 = 0.02;

/// Over which it is measured.
const SPAN: Duration = Duration::from_secs(10);

/// A second with less than this is quiet enough to begin.
const QUIET: f64 = 0.05;

#[test]
fn four_idle_stages_use_next_to_nothing() {
    machine::alone();
    let chain = Chain::pizza(&broker::shared());
    let stages = chain.start_all();
    for stage in 0..stages.len() {
        let group = chain.group_of(stage);
        until("the group is settled", SPAN * 3, || group.shares());
    }
    let mut orders = Orders::new(&chain.brokers, chain.first(), 4);
    orders.write(100);
    orders.flush();
    Judge::of(&chain.brokers, chain.last()).expect(100, SPAN * 3);
    let share = |span: Duration| {
        let used = || stages.iter().map(|stage| stage.cpu_seconds()).sum::<f64>();
        let before = used();
        std::thread::sleep(span);
        (used() - before) / span.as_secs_f64()
    };
    until("a quiet second", SPAN * 3, || (share(Duration::from_secs(1)) < QUIET).then_some(()));
    let share = share(SPAN);
    eprintln!("four idle stages use {:.2} % of a core", share * 100.0);
    assert!(share < ALLOWED, "{share}");
}
