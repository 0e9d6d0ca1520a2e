//! What is `unsafe`, the three calls of librdkafka that rdkafka has not, does nothing with memory that it must not.

use crate::rig::broker::Own;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::orders::Orders;
use crate::rig::until;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A process under valgrind is slow.
const LIMIT: Duration = Duration::from_secs(90);

/// Longer than a client waits before it is told its brokers again.
const AWAY: Duration = Duration::from_secs(6);

#[test]
fn valgrind_finds_nothing_in_a_stage_whose_broker_goes_away() {
    let there = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if there.is_err() {
        return eprintln!("SKIPPED: no valgrind here, so nobody looks at what is unsafe");
    }
    let broker = Own::start();
    let mut chain = Chain::new(&broker.address, &["in", "out"], &["sauce"], "");
    chain.under = ["valgrind", "--quiet", "--error-exitcode=99"].map(String::from).to_vec();
    let mut stage = chain.start("sauce", 0);
    let mut out = Judge::of(&chain.brokers, chain.last());
    let mut orders = Orders::new(&chain.brokers, chain.first(), 10);
    orders.write(500);
    out.expect(500, LIMIT);
    // It goes in the midst of the stage's work: what was being sent fails.
    orders.write(5_000);
    until("it is at work again", LIMIT, || {
        (out.look(Duration::from_millis(5)) > 500).then_some(())
    });
    broker.stop();
    std::thread::sleep(AWAY);
    broker.start_again();
    orders.write(500);
    exactly_once("the output", out.expect(6_000, LIMIT), &orders.written);
    assert!(stage.stop(LIMIT).success(), "{}", stage.log.display());
}
