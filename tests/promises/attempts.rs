//! What an attempt sent takes effect only if the attempt succeeds, and a record that succeeds at
//! last keeps its place in its key's order.

use crate::rig::broker;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, identity, in_order};
use crate::rig::orders::Orders;
use crate::rig::process::example;
use std::collections::HashMap;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

const PIZZAS: usize = 2_000;

/// Which attempt of this pizza succeeds, as `examples/chatty.rs` has it; none: it is given up.
fn succeeds(seq: usize) -> Option<u32> {
    match seq % 10 {
        3 => Some(3),
        6 => Some(2),
        // One has an output too large for its topic, one is rejected.
        5 | 9 => None,
        _ => Some(1),
    }
}

#[test]
fn a_failed_attempt_of_a_sync_stage_leaves_nothing() {
    only_successes_speak(Vec::new());
}

#[test]
fn a_failed_attempt_of_an_async_stage_leaves_nothing() {
    only_successes_speak(vec![("WAIT", "1".to_owned())]);
}

#[test]
fn a_failed_attempt_in_a_batch_leaves_nothing() {
    only_successes_speak(vec![("TOGETHER", "1".into())]);
}

fn only_successes_speak(env: Vec<(&'static str, String)>) {
    let stage = "outputs = { said = \"CHAIN-said\" }\nretry = { backoff = \"1ms..5ms\" }";
    let said = "config = { \"max.message.bytes\" = \"20000\" }";
    let topics = ["in", "out", "said"];
    let mut chain = Chain::with_last(&broker::shared(), &topics, &["chatty"], stage, said);
    chain.env = env;
    let mut process = chain.start_program(example("chatty"), "chatty", 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 20);
    orders.write(PIZZAS);
    orders.flush();
    let wanted: HashMap<(String, usize), u32> = (0..PIZZAS)
        .map(|pizza| (pizza % 20, pizza / 20))
        .filter_map(|(order, seq)| Some(((order.to_string(), seq), succeeds(seq)?)))
        .collect();
    for topic in [&chain.topics[1], &chain.topics[2]] {
        let mut judge = Judge::of(&chain.brokers, topic);
        let seen = judge.expect(wanted.len(), LIMIT);
        in_order(topic, seen);
        let came: Vec<_> = seen.iter().map(identity).collect();
        let wrong: Vec<_> = came.iter().filter(|pizza| !wanted.contains_key(pizza)).collect();
        assert!(wrong.is_empty(), "{topic}: {} of given up pizzas: {:?}", wrong.len(), wrong[0]);
        assert_eq!(seen.len(), wanted.len(), "{topic}");
    }
    let mut said = Judge::of(&chain.brokers, chain.last());
    for record in said.expect(wanted.len(), LIMIT) {
        let (attempt, _): (u32, String) =
            serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let pizza = identity(record);
        assert_eq!(attempt, wanted[&pizza], "what a failed attempt of {pizza:?} said");
    }
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    assert_eq!(dead.expect(PIZZAS - wanted.len(), LIMIT).len(), PIZZAS - wanted.len());
    assert!(process.stop(Duration::from_secs(10)).success(), "{}", process.log.display());
}
