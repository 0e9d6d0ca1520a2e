//! What an earlier version left on the disk, in the middle of its work, is taken over by this one.
//!
//! A fixture is a directory, packed: `broker` (our broker's data), `chain` (a stage's state, and its route map),
//! `shop` (the API's data), and `story.json` (what had been asked for). It is named after the commit whose programs
//! wrote it, all killed in the middle. What the example `flaky` makes of a record (`tests/rig/moods.rs`) must stay as
//! it was then. `cargo test --release -p pizza --test upgrade -- --ignored` writes one more.

#[path = "../rig/mod.rs"]
mod rig;

use rig::chain::Chain;
use rig::judge::{Judge, counted, in_order};
use rig::orders::Orders;
use rig::process::{Process, example, program};
use rig::{moods, until};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// So many are written.
const RECORDS: usize = 3_000;

/// Records that fail wait in the retry topic, long enough to be there when all is killed.
const ORDERED: &str = r#"retry = { policy = "ordered", attempts = 20, backoff = "200ms..600ms", in_place_for = "1ms" }"#;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/fixtures")
}

fn tar(args: &[&str]) {
    let status = Command::new("tar").args(args).status().expect("tar runs");
    assert!(status.success(), "tar {args:?}");
}

/// Our broker on a directory, as a process that can be killed; and its address.
fn broker(dir: &Path) -> (Process, String) {
    let log = dir.join("broker.log");
    fs::remove_file(&log).ok();
    let mut command = Command::new(program("stage-broker"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(dir.join("broker"));
    let process = Process::start(command, &log);
    // It prints its address alone on a line, among what it logs.
    let address = until("the broker listens", LIMIT, || {
        let text = fs::read_to_string(&log).unwrap();
        text.lines().find(|line| line.starts_with("127.0.0.1:")).map(str::to_owned)
    });
    (process, address)
}

fn shop(dir: &Path, brokers: &str, listen: &str) -> Process {
    let log = dir.join("shop.log");
    fs::remove_file(&log).ok();
    let mut command = Command::new(program("pizza"));
    // The orders of a fixture are older each day.
    command.args(["--brokers", brokers, "--listen", listen, "--keep-orders", "36500d", "--data"]);
    command.arg(dir.join("shop"));
    let process = Process::start(command, &log);
    until("the shop opens", LIMIT, || {
        fs::read_to_string(&log).unwrap().contains("pizza shop open").then_some(())
    });
    process
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn ask(shop: &str, count: usize) -> Value {
    let url = format!("http://{shop}/order/{count}");
    let order: Value = ureq::post(&url).send_empty().unwrap().body_mut().read_json().unwrap();
    json!({ "id": order["order_id"].as_str().expect("an id"), "count": count })
}

/// What there is of an order by now.
fn pizzas(shop: &str, id: &str) -> Option<Vec<Value>> {
    let answer = ureq::get(&format!("http://{shop}/order/{id}")).call();
    let order: Value = answer.ok()?.body_mut().read_json().ok()?;
    Some(order["pizzas"].as_array()?.clone())
}

#[test]
fn what_an_earlier_version_left_is_finished_exactly_once_and_in_order() {
    if std::env::var("STAGE_TEST_ENGINE").is_ok_and(|engine| engine == "kafka") {
        eprintln!("SKIPPED: the fixtures are data of our own broker");
        return;
    }
    let found = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let packed: Vec<PathBuf> =
        found.filter(|path| path.extension().is_some_and(|e| e == "gz")).collect();
    assert!(!packed.is_empty(), "there is no fixture");
    for fixture in packed {
        eprintln!("== {}", fixture.display());
        let dir = std::env::temp_dir().join(format!("t{:08x}", rand::random::<u32>()));
        fs::create_dir_all(&dir).unwrap();
        tar(&["-xzf", &fixture.display().to_string(), "-C", &dir.display().to_string()]);
        let story: Value =
            serde_json::from_slice(&fs::read(dir.join("story.json")).unwrap()).unwrap();
        let (broker, address) = broker(&dir);
        finish_chain(&dir, &address, &story);
        finish_orders(&dir, &address, &story);
        drop(broker);
        fs::remove_dir_all(&dir).unwrap();
    }
}

fn finish_chain(dir: &Path, brokers: &str, story: &Value) {
    let name = story["chain"].as_str().unwrap().to_owned();
    let written: Vec<usize> = serde_json::from_value(story["written"].clone()).unwrap();
    let chain = Chain {
        topics: ["in", "out"].map(|topic| format!("{name}-{topic}")).into(),
        name,
        brokers: brokers.to_owned(),
        dir: dir.join("chain"),
        stages: vec!["flaky".into()],
        flags: Vec::new(),
        commanded: false,
        under: Vec::new(),
        env: Vec::new(),
    };
    let mut stage = chain.start_program(example("flaky"), "flaky", 0);
    let pizzas = || written.iter().enumerate().flat_map(|(o, n)| (0..*n).map(move |s| (o, s)));
    let (hopeless, good): (Vec<_>, Vec<_>) =
        pizzas().partition(|(o, s)| moods::is_hopeless(*o, *s));
    assert!(!hopeless.is_empty());
    for (topic, wanted) in [(chain.last().to_owned(), &good), (chain.dead_letters(0), &hopeless)] {
        let mut judge = Judge::of(brokers, &topic);
        judge.expect(wanted.len(), LIMIT);
        let counts = counted(&judge.seen);
        for (order, seq) in wanted {
            let count = counts.get(&(order.to_string(), *seq)).copied().unwrap_or_default();
            assert_eq!(count, 1, "{topic}: order {order} pizza {seq}");
        }
        assert_eq!(judge.seen.len(), wanted.len(), "{topic}: something is left over");
        if topic == chain.last() {
            in_order(&topic, &judge.seen);
        }
    }
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

fn finish_orders(dir: &Path, brokers: &str, story: &Value) {
    let listen = free_address();
    let mut shop = shop(dir, brokers, &listen);
    for order in story["orders"].as_array().unwrap() {
        let (id, count) = (order["id"].as_str().unwrap(), order["count"].as_u64().unwrap());
        let pizzas = until(&format!("order {id} is done"), LIMIT, || {
            pizzas(&listen, id).filter(|pizzas| pizzas.len() as u64 >= count)
        });
        assert_eq!(pizzas.len() as u64, count, "order {id}");
        for pizza in pizzas {
            let topped = |field: &str| pizza[field].as_str().is_some_and(|text| !text.is_empty());
            assert!(["sauce", "cheese", "meats", "veggies"].into_iter().all(topped), "{pizza}");
        }
    }
    assert!(shop.stop(Duration::from_secs(10)).success(), "{}", shop.log.display());
}

/// Run it with the programs of the version whose data is wanted.
#[test]
#[ignore = "writes a fixture"]
fn a_fixture_is_written() {
    let dir = std::env::temp_dir().join(format!("t{:08x}", rand::random::<u32>()));
    fs::create_dir_all(&dir).unwrap();
    let (mut broker, address) = broker(&dir);

    let listen = free_address();
    let mut shop = shop(&dir, &address, &listen);
    let mut asked = vec![ask(&listen, 3)];
    let first = asked[0]["id"].as_str().unwrap().to_owned();
    until("the first order is done", LIMIT, || (pizzas(&listen, &first)?.len() == 3).then_some(()));
    asked.extend([40, 200, 1000].map(|count| ask(&listen, count)));
    shop.kill();

    let mut chain = Chain::new(&address, &["in", "out"], &["flaky"], ORDERED);
    // Async: records are finished ahead of others, which the committed metadata tells.
    chain.env.push(("SLOWLY", "1".into()));
    let mut orders = Orders::new(&address, chain.first(), 100);
    orders.write(RECORDS);
    orders.flush();
    let mut out = Judge::of(&address, chain.last());
    out.look(Duration::from_secs(1));
    let mut stage = chain.start_program(example("flaky"), "flaky", 0);
    // Some of them are out, others wait.
    until("some are out", LIMIT, || (out.look(Duration::from_millis(5)) > 300).then_some(()));
    stage.kill();
    assert!(out.look(Duration::from_millis(500)) < RECORDS / 2, "too many are out");
    broker.kill();

    fs::create_dir(dir.join("chain")).unwrap();
    for name in ["topics.toml", "state-0"] {
        fs::rename(chain.dir.join(name), dir.join("chain").join(name)).unwrap();
    }
    let story = json!({ "chain": chain.name, "written": orders.written, "orders": asked });
    fs::write(dir.join("story.json"), format!("{story:#}\n")).unwrap();
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().unwrap();
    let commit = String::from_utf8(output.stdout).unwrap();
    let packed = fixtures().join(format!("{}.tar.gz", commit.trim()));
    fs::create_dir_all(fixtures()).unwrap();
    let parts = ["broker", "chain", "shop", "story.json"];
    let (packed, from) = (packed.display().to_string(), dir.display().to_string());
    tar(&[&["-czf", &packed, "-C", &from][..], &parts[..]].concat());
    eprintln!("written: {packed}");
    fs::remove_dir_all(&dir).unwrap();
}
