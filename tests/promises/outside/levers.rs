//! What an operator may change, and who is one.

use super::{LIMIT, chain};
use crate::rig::admin::Admin;
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::load::Load;
use crate::rig::orders::Orders;
use crate::rig::process::example;
use crate::rig::{machine, until};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_pause_stops_the_output_and_nothing_is_lost() {
    let chain = chain("sauce", "");
    let mut stage = chain.start("sauce", 0);
    let admin = Admin::of(&stage);
    let load = Load::start(&chain.brokers, chain.first(), 1000);
    let mut out = Judge::of(&chain.brokers, chain.last());
    until("it works", LIMIT, || (out.look(Duration::from_millis(50)) > 1000).then_some(()));
    let (status, body) = admin.post("/pause", "");
    assert!(status == 200 && body.contains("\"paused\": true"), "{status} {body}");
    until("it is paused", LIMIT, || {
        let why = |p: &Value| p["why"].to_string().contains("paused by operator");
        let all = admin.partitions();
        (all.len() == 4 && all.iter().all(why)).then_some(())
    });
    admin.until("stage_records_unfinished", |count| count == 0.0);
    let taken = admin.metric("stage_records_in", "").unwrap() as usize;
    until("what was taken is committed", LIMIT, || {
        (out.look(Duration::from_millis(50)) >= taken).then_some(())
    });
    admin.until("stage_lag_records", |lag| lag >= 1000.0);
    assert_eq!(out.look(Duration::from_secs(2)), taken, "more came out");
    assert_eq!(admin.metric("stage_records_in", ""), Some(taken as f64));
    assert_eq!(admin.get("/readyz").0, 200, "it is as it should be");
    assert_eq!(chain.group_of(0).shares(), Some(vec![4]), "it stays in its group");
    assert_eq!(admin.post("/resume", "").0, 200);
    let written = load.end();
    exactly_once("the output", out.expect(written.iter().sum(), LIMIT), &written);
    admin.until("stage_partition_paused", |paused| paused == 0.0);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn a_pace_is_kept_and_given_up() {
    machine::alone();
    const RATE: usize = 400;
    const SPAN: Duration = Duration::from_secs(5);
    let mut chain = chain("sauce", "");
    chain.flags.extend(["--workers".into(), "2".into()]);
    let mut stage = chain.start("sauce", 0);
    let admin = Admin::of(&stage);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 50);
    let mut out = Judge::of(&chain.brokers, chain.last());
    until("it is ready", LIMIT, || (admin.get("/readyz").0 == 200).then_some(()));
    let (status, body) = admin.post("/limits", &format!("{{\"records_per_second\": {RATE}}}"));
    assert_eq!(status, 200, "{body}");
    orders.write(8000);
    orders.flush();
    until("it works", LIMIT, || (out.look(Duration::from_millis(20)) > RATE).then_some(()));
    let (before, since) = (out.seen.len(), Instant::now());
    let came = out.look(SPAN) - before;
    let rate = came as f64 / since.elapsed().as_secs_f64();
    eprintln!("{rate:.0} records a second, of {RATE}");
    assert!((rate / RATE as f64 - 1.0).abs() < 0.2, "{rate}");
    assert!(admin.metric("stage_lag_records", "").unwrap() > 1000.0);
    assert_eq!(admin.post("/limits", r#"{"records_per_second": null}"#).0, 200);
    let unlimited = Instant::now();
    out.expect(8000, LIMIT);
    assert!(unlimited.elapsed() < Duration::from_secs(6), "{:?}", unlimited.elapsed());
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn fewer_or_more_handlers_run_as_is_said() {
    let mut chain = chain("dawdle", "");
    chain.flags.extend(["--max-in-flight".into(), "64".into()]);
    let stage = chain.start_program(example("dawdle"), "dawdle", 0);
    let admin = Admin::of(&stage);
    let load = Load::start(&chain.brokers, chain.first(), 1000);
    admin.until("stage_in_flight", |running| running > 8.0);
    assert_eq!(admin.post("/limits", r#"{"max_in_flight": 3}"#).0, 200);
    admin.until("stage_in_flight", |running| running <= 3.0);
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let running = admin.metric("stage_in_flight", "").unwrap();
        assert!(running <= 3.0, "{running}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(admin.post("/limits", r#"{"max_in_flight": 64}"#).0, 200);
    admin.until("stage_in_flight", |running| running > 8.0);
    let written = load.end();
    let mut out = Judge::of(&chain.brokers, chain.last());
    exactly_once("the output", out.expect(written.iter().sum(), LIMIT), &written);
}

#[test]
fn only_an_operator_changes_anything() {
    let mut chain = chain("sauce", "");
    chain.env.push(("STAGE_ADMIN_TOKEN", "margherita".into()));
    let stage = chain.start("sauce", 0);
    let admin = Admin::of(&stage);
    until("it is ready", LIMIT, || (admin.get("/readyz").0 == 200).then_some(()));
    let json = ("content-type", "application/json");
    let token = ("authorization", "Bearer margherita");
    let own = ("origin", admin.url.as_str());
    for (status, headers) in [
        (401, vec![json]),
        (401, vec![json, ("authorization", "Bearer quattro")]),
        (403, vec![json, token, ("origin", "http://pizza.example")]),
        (415, vec![token]),
        (200, vec![json, token]),
        (200, vec![json, token, own]),
    ] {
        let (found, kind, body) = admin.post_with("/pause", "", &headers);
        assert_eq!(found, status, "{headers:?} {body}");
        assert!(status == 200 || kind == "application/problem+json", "{kind} {body}");
    }
    let long = format!("{{\"max_in_flight\": {}1}}", " ".repeat(5000));
    for (status, path, body, says) in [
        (400, "/limits", "8", "no JSON object"),
        (400, "/limits", r#"{"max_in_flight": 0}"#, "max_in_flight is 0"),
        (400, "/limits", r#"{"max_in_flight": null}"#, "max_in_flight is null"),
        (400, "/limits", r#"{"records_per_second": 0.5}"#, "records_per_second is 0.5"),
        (400, "/limits", r#"{"max_inflight": 8}"#, "max_inflight"),
        (413, "/limits", &long, "longer than"),
        (404, "/pause?stage=cheese", "", "there are sauce"),
        (200, "/resume?stage=sauce", "", "\"paused\": false"),
        (405, "/metrics", "", "POST"),
        (404, "/pizza", "", "/partitions"),
    ] {
        let (found, _, text) = admin.post_with(path, body, &[json, token]);
        assert!(found == status && text.contains(says), "{path} {body}: {found} {text}");
    }
    assert_eq!(admin.get("/pause").0, 405);
    assert_eq!(admin.get("/partitions?stage=sauce").0, 200);
    assert_eq!(admin.get("/metrics?stage=cheese").0, 404);
    // A page of another name, which leads here, reads nothing.
    let mut stream = TcpStream::connect(admin.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: pizza.example\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 421"), "{text}");
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(!log.contains("margherita"), "{log}");
}

#[test]
fn whom_others_can_reach_has_a_token_or_does_not_start() {
    let mut chain = chain("sauce", "");
    chain.flags = vec!["--admin".into(), "0.0.0.0:0".into()];
    let mut stage = chain.start("sauce", 0);
    assert_eq!(stage.end(LIMIT).code(), Some(2));
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(log.contains("STAGE_ADMIN_TOKEN") && log.contains("127.0.0.1"), "{log}");
    chain.env.push(("STAGE_ADMIN_TOKEN", "margherita\n".into()));
    let mut stage = chain.start("sauce", 0);
    assert_eq!(stage.end(LIMIT).code(), Some(2), "a token that no header may have");
    chain.env.clear();
    chain.env.push(("STAGE_ADMIN_TOKEN", "margherita".into()));
    let stage = chain.start("sauce", 1);
    let url = Admin::of(&stage).url;
    assert!(url.starts_with("http://0.0.0.0:"), "{url}");
}
