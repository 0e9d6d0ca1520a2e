//! README.md: the shop in one process, on another broker, and with stages of one's own.

use crate::document::{Document, Example};
use crate::orders::LIMIT;
use crate::rig::broker::{Own, root};
use crate::rig::process::{Process, program};
use crate::rig::until;
use crate::shell::{Shell, free};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn open(brokers: &str) -> Shell {
    // The shop as it comes, whatever somebody has put into their own.
    let map = std::fs::read_to_string(root().join("deploy/kubernetes/topics.toml")).unwrap();
    let mut shell = Shell::open(brokers, &map);
    // What cargo would run is built.
    shell.here.push(("cargo run --release --", "target/release/pizza".into()));
    shell.here.push(("cargo run --release", "target/release/pizza".into()));
    // Where the usual ports are taken.
    shell.env.push(("STAGE_LISTEN", shell.here("127.0.0.1:8094")));
    shell.env.push(("STAGE_URL", shell.here("http://127.0.0.1:8094")));
    shell
}

/// What a JSON text is made of; of a list its first tells all.
fn kinds(text: &str) -> Value {
    fn kind(value: Value) -> Value {
        match value {
            Value::String(_) => "".into(),
            Value::Array(all) => all.into_iter().take(1).map(kind).collect(),
            Value::Object(all) => {
                all.into_iter().map(|(name, value)| (name, kind(value))).collect()
            }
            other => other,
        }
    }
    let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    kind(value)
}

/// Runs it until what it prints is made of what the documentation shows; gives that.
fn until_alike(shell: &mut Shell, example: &Example) -> Option<Value> {
    let documented = kinds(&example.output.replace(",…]", "]"));
    let silent = Example { output: String::new(), ..example.clone() };
    let mut printed = shell.run(&silent)?;
    let limit = Instant::now() + LIMIT;
    while kinds(&printed) != documented {
        assert!(Instant::now() < limit, "{}: what comes is\n{printed}", example.place);
        printed = shell.told(&example.command);
    }
    serde_json::from_str(&printed).ok()
}

fn until_open(shop: &Process) {
    let opened = || std::fs::read_to_string(&shop.log).unwrap().contains("pizza shop open");
    until("the shop opens", LIMIT, || opened().then_some(()));
}

fn ends(mut process: Process) {
    assert!(process.stop(Duration::from_secs(10)).success(), "{}", process.log.display());
}

#[test]
fn the_shop_in_one_process_and_stages_of_ones_own() {
    let mut document = Document::read("README.md");
    let own = format!("127.0.0.1:{}", free(9092));
    let mut shell = open(&own);
    shell.env.retain(|(name, _)| *name != "STAGE_BROKERS");
    shell.env.push(("STAGE_BROKER_LISTEN", own));
    let shop = shell.start(&document.next("cargo run"));
    let placed = until_alike(&mut shell, &document.next("curl -X POST"));
    let mut look = document.next("curl localhost");
    let documented = look.command.rsplit('/').next().unwrap().to_owned();
    if let Some(id) = placed.as_ref().and_then(|placed| placed["order_id"].as_str()) {
        look.command = look.command.replace(&documented, id);
        let order = until_alike(&mut shell, &look).unwrap();
        assert_eq!((&order["id"], &order["count"]), (&json!(id), &json!(2)));
    }
    let order = document.next("pizza order");
    shell.run(&order);
    ends(shop);

    let broker = Own::start();
    let shell = open(&broker.address);
    document.pass("scripts/kafka", "STAGE_TEST_ENGINE=kafka runs these tests on one");
    let shop = shell.start(&document.next("--brokers"));
    until_open(&shop);
    ends(shop);

    own_stages(&mut document, &broker.address);
    document.ends();
}

/// What of a clone `pizza new stage` looks at.
pub(crate) fn in_a_clone(shell: &Shell) {
    for part in ["stage-sdk", "examples"] {
        std::os::unix::fs::symlink(root().join(part), shell.dir.join(part)).unwrap();
    }
    let workspace = "[workspace]\nmembers = [\"plug-ins/*\"]\n";
    std::fs::write(shell.dir.join("Cargo.toml"), workspace).unwrap();
}

/// In a directory of its own: the route map changes.
fn own_stages(document: &mut Document, brokers: &str) {
    let mut shell = open(brokers);
    in_a_clone(&shell);
    shell.run(&document.next("pizza new stage basil"));
    shell.run(&document.next("pizza new stage thyme"));
    let check =
        Command::new(program("pizza")).args(["topics", "check"]).current_dir(&shell.dir).status();
    assert!(check.unwrap().success());
}
