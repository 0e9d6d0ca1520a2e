//! Who has nothing to do does nothing.

use crate::rig::broker;
use crate::rig::chain::Chain;
use crate::rig::judge::Judge;
use crate::rig::orders::Orders;
use std::time::Duration;

/// Of one core, for all four stages together.
const ALLOWED: f64 = 0.02;

/// Over which it is measured.
const SPAN: Duration = Duration::from_secs(10);

#[test]
fn four_idle_stages_use_next_to_nothing() {
    let chain = Chain::pizza(&broker::shared());
    let stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 4);
    orders.write(100);
    orders.flush();
    Judge::of(&chain.brokers, chain.last()).expect(100, Duration::from_secs(30));
    let used = || stages.iter().map(|stage| stage.cpu_seconds()).sum::<f64>();
    let before = used();
    std::thread::sleep(SPAN);
    let share = (used() - before) / SPAN.as_secs_f64();
    eprintln!("four idle stages use {:.2} % of a core", share * 100.0);
    assert!(share < ALLOWED, "{share}");
}
