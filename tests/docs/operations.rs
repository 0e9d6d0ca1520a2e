//! docs/operations.md: a stage's admin endpoint.

use crate::document::Document;
use crate::orders::{GOOD, LIMIT, Shop};
use crate::rig::admin::Admin;
use crate::rig::broker::root;
use crate::rig::process::{Process, example};
use crate::rig::until;
use crate::shell::Shell;
use serde_json::{Value, json};
use std::time::Duration;

/// A lever's answer says how the stage runs from then on.
fn runs_so(printed: Option<String>, so: &Value) {
    let Some(printed) = printed else { return };
    let answer: Value = serde_json::from_str(&printed).unwrap();
    for (name, value) in so.as_object().unwrap() {
        assert_eq!(answer["stages"][0][name], *value, "{name}: {printed}");
    }
}

fn ends(mut stage: Process) {
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn a_stage_is_steered_and_says_why_it_does_not_move() {
    let mut document = Document::read("docs/operations.md");
    let mut shop = Shop::open("in-place");
    let map = std::fs::read_to_string(root().join("topics.toml")).unwrap();
    let mut shell = Shell::open(&shop.broker.address, &map);
    shell.apply();
    let stage = shell.start(&document.next("sauce --admin"));
    let admin = Admin::of(&stage);
    let ready = || (admin.get("/readyz").0 == 200).then_some(());
    until("the stage is ready", LIMIT, ready);

    shell.run(&document.next("J="));
    let mut lever = |does: &str, so: Value| runs_so(shell.run(&document.next(does)), &so);
    lever("/pause", json!({"paused": true}));
    lever("/resume", json!({"paused": false}));
    lever("/limits", json!({"max_in_flight": 8, "records_per_second": 100}));
    lever("/limits", json!({"max_in_flight": 8, "records_per_second": null}));
    ends(stage);

    let at = shop.shell.here("127.0.0.1:9464");
    let stage = shop.shell.stage(example("price"), &["--admin", &at]);
    let admin = Admin::of(&stage);
    shop.write(2, "5", GOOD, 1041);
    shop.out.expect(1041, LIMIT);
    shop.write(2, "17", "127.0.0.1:1", 1);
    shop.write(2, "17", GOOD, 4148);
    until("it is tried", LIMIT, || {
        let partitions = admin.partitions();
        let stuck = partitions.iter().find(|one| one["partition"] == 2)?;
        (stuck["head"]["attempts"].as_u64()? >= 4).then_some(())
    });
    shop.shell.run(&document.next("/partitions"));
    document.ends();
    ends(stage);
}
