//! Why it does not move, and whether it is ready.

use super::{LIMIT, chain};
use crate::rig::admin::{Admin, flags};
use crate::rig::broker::Own;
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, identity};
use crate::rig::orders::{Orders, key};
use crate::rig::process::example;
use crate::rig::until;

#[test]
fn the_record_that_holds_up_a_partition_is_named() {
    let mut chain = chain(
        "dawdle",
        "timeout = \"1s\"\nretry = { policy = \"in-place\", attempts = 1000, backoff = \"100ms..200ms\" }",
    );
    chain.env = vec![("HANG", format!("{}:2:600000", key(7)))];
    let stage = chain.start_program(example("dawdle"), "dawdle", 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 10);
    orders.write(50);
    orders.flush();
    let mut input = Judge::of(&chain.brokers, chain.first());
    input.expect(50, LIMIT);
    let hangs = |(order, seq): (String, usize)| order == "7" && seq == 2;
    let record = input.seen.iter().find(|seen| hangs(identity(seen))).unwrap();
    let admin = Admin::of(&stage);
    let mut last = None;
    let partition = until("it is named with its attempts and error", LIMIT, || {
        let all = admin.partitions();
        let held = all.into_iter().find(|p| !p["head"].is_null());
        last = held.clone().or(last.take());
        held.filter(|p| p["head"]["attempts"].as_u64() >= Some(2))
    });
    assert_eq!(partition["partition"], record.partition, "{partition:#}");
    assert_eq!(partition["position"], record.offset, "{partition:#}");
    let head = &partition["head"];
    assert_eq!(head["offset"], record.offset, "{partition:#}");
    assert!(head["error"].as_str().unwrap().contains("time limit"), "{partition:#}");
    let state = head["state"].as_str().unwrap();
    assert!(state.starts_with("running since") || state.starts_with("backing off"), "{state}");
    // It and the two of its key behind it.
    assert!(partition["unfinished"] == 3 && partition["lag"] == 3, "{partition:#}");
    let others = admin.partitions().into_iter().filter(|p| p["partition"] != record.partition);
    assert_eq!(others.filter(|p| p["lag"] == 0).count(), 3);
    assert!(admin.metric("stage_lag_seconds", "").unwrap() >= 1.0);
}

#[test]
fn who_leans_on_what_is_away_is_not_ready() {
    let mut chain = chain("leans", "");
    let prices = chain.dir.join("prices");
    std::fs::write(&prices, "margherita 7").unwrap();
    chain.env.push(("PRICES", prices.display().to_string()));
    let stage = chain.start_program(example("leans"), "leans", 0);
    let admin = Admin::of(&stage);
    let ready = || (admin.get("/readyz").0 == 200).then_some(());
    until("it is ready", LIMIT, ready);
    std::fs::remove_file(&prices).unwrap();
    let mut orders = Orders::new(&chain.brokers, chain.first(), 10);
    orders.write(100);
    orders.flush();
    let (kind, body) = until("it is not", LIMIT, || {
        let (status, kind, body) = admin.get("/readyz");
        (status == 503).then_some((kind, body))
    });
    assert_eq!(kind, "application/problem+json");
    assert!(body.contains("circuit open") && body.contains("\"status\":503"), "{body}");
    admin.until("stage_circuit_state", |open| open == 1.0);
    assert_eq!(admin.get("/healthz").0, 200);
    let why = |p: &serde_json::Value| p["why"].to_string().contains("circuit open");
    let all = admin.partitions();
    assert!(all.len() == 4 && all.iter().all(why));
    std::fs::write(&prices, "margherita 8").unwrap();
    until("it is ready again", LIMIT, ready);
    admin.until("stage_circuit_state", |open| open == 0.0);
    admin.until("stage_lag_records", |lag| lag == 0.0);
}

#[test]
fn who_has_no_broker_is_not_ready() {
    let broker = Own::start();
    let mut chain = Chain::new(&broker.address, &["in", "out"], &["sauce"], "");
    chain.flags = flags();
    let stage = chain.start("sauce", 0);
    let admin = Admin::of(&stage);
    let ready = || (admin.get("/readyz").0 == 200).then_some(());
    until("it is ready", LIMIT, ready);
    broker.stop();
    let body = until("it is not", LIMIT, || {
        let (status, _, body) = admin.get("/readyz");
        (status == 503).then_some(body)
    });
    assert!(body.contains("broker does not answer"), "{body}");
    assert_eq!(admin.get("/healthz").0, 200);
    broker.start_again();
    until("it is ready again", LIMIT, ready);
}
