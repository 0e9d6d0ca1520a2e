//! The stage program of the README does what it says.

use crate::rig::broker;
use crate::rig::chain::Chain;
use crate::rig::judge::Judge;
use crate::rig::process::example;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::Duration;

#[test]
fn the_shortest_stage_program_shouts() {
    let source = include_str!("../../stage-sdk/examples/shout.rs");
    let lines = source.lines().filter(|line| !line.starts_with("//!")).count();
    assert!(lines <= 15, "{lines} lines");
    let readme = include_str!("../../README.md");
    let code = source.trim_start_matches(|c| c != '\n').trim();
    assert!(readme.contains(code), "the README shows another program");
    let map = readme.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let map = stage_sdk::chain::Chain::parse(map, "README.md").unwrap();
    assert!(map.stage("shout").is_some(), "the README's route map is not for its program");

    let chain = Chain::new(&broker::shared(), &["words", "loud"], &["shout"], "");
    let mut process = chain.start_program(example("shout"), "shout", 0);
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", &chain.brokers).create().unwrap();
    let record = BaseRecord::to(chain.first()).key("k").payload("pizza");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    let mut judge = Judge::of(&chain.brokers, chain.last());
    let seen = judge.expect(1, Duration::from_secs(20));
    assert_eq!(seen[0].value.as_deref(), Some(&b"PIZZA"[..]));
    assert!(process.stop(Duration::from_secs(10)).success());
}
