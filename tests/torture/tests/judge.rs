//! The judge finds what is wrong with a history, and nothing where all is well.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The order that the API took, with three pizzas.
const ORDER: &str = "77";

/// A history that is well: the topics' records, and what is committed of each group.
struct History {
    dir: PathBuf,
    topics: BTreeMap<&'static str, Vec<Value>>,
    offsets: Value,
    orders: Value,
}

fn pizza(offset: i64, number: usize) -> Value {
    let value = format!(r#"{{"order_id":"{ORDER}","sauce":"s"}}"#);
    json!({ "partition": 1, "offset": offset, "key": format!("\"{ORDER}\""), "value": value,
            "headers": { "pizza-seq": number.to_string() } })
}

fn task(offset: i64, key: &str, seq: usize, more: Value) -> Value {
    let mut task = json!({ "id": format!("{key}-{seq}"), "key": key, "seq": seq, "rejects": null,
                           "audit": false, "fails": {}, "takes": 0 });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "partition": 0, "offset": offset, "key": key, "value": task.to_string(), "headers": {} })
}

fn letter(mut record: Value) -> Value {
    record["headers"]["__stage.errors.disposition"] = "rejected".into();
    record
}

fn committed(partition: i32, offset: i64, metadata: &str) -> Value {
    json!([{ "partition": partition, "offset": offset, "metadata": metadata }])
}

impl History {
    /// One stage each: three pizzas, and four tasks, of which the second is rejected, the third has a copy
    /// and the last is still to come.
    fn well(name: &str) -> History {
        let dir = std::env::temp_dir().join(format!("judge-{name}-{}", std::process::id()));
        let pizzas = vec![pizza(0, 0), pizza(1, 1), pizza(2, 2)];
        let mut topped = pizzas.clone();
        topped
            .iter_mut()
            .for_each(|record| record["offset"] = (record["offset"].as_i64().unwrap() + 7).into());
        let (rejected, copied) = (json!({ "rejects": "mix" }), json!({ "audit": true }));
        let none = || json!({});
        let topics = BTreeMap::from([
            ("pizza", pizzas),
            ("with-sauce", topped),
            ("pizza.sauce.dlq", vec![]),
            ("pizza.sauce.retry", vec![]),
            ("pizza.sauce.redirect", vec![]),
            (
                "in",
                vec![
                    task(0, "a", 0, none()),
                    task(1, "a", 1, rejected.clone()),
                    task(2, "b", 0, copied.clone()),
                    task(4, "a", 2, none()),
                ],
            ),
            (
                "mixed",
                vec![
                    task(0, "b", 0, copied.clone()),
                    task(2, "a", 0, none()),
                    task(3, "a", 2, none()),
                ],
            ),
            ("audit", vec![task(0, "b", 0, copied)]),
            ("in.mix.dlq", vec![letter(task(0, "a", 1, rejected))]),
            ("in.mix.retry", vec![]),
            ("in.mix.redirect", vec![]),
        ]);
        let offsets = json!({ "sauce": committed(1, 3, ""), "mix": committed(0, 5, "1:tag:A") });
        let toppings =
            json!({ "order_id": ORDER, "sauce": "s", "cheese": "c", "meats": "m", "veggies": "v" });
        let orders =
            json!([{ "id": ORDER, "complete": true, "pizzas": [toppings, toppings, toppings] }]);
        History { dir, topics, offsets, orders }
    }

    /// What the judge says.
    fn judged(&self, args: &[&str]) -> (bool, String) {
        let inside = self.dir.join("end");
        std::fs::create_dir_all(&inside).unwrap();
        for (topic, records) in &self.topics {
            let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
            std::fs::write(inside.join(format!("{topic}.jsonl")), lines).unwrap();
        }
        let write = |path: PathBuf, value: &Value| std::fs::write(path, value.to_string()).unwrap();
        write(inside.join("offsets.json"), &self.offsets);
        let orders = self.orders.as_array().unwrap();
        let orders: String = orders.iter().map(|order| format!("{order}\n")).collect();
        std::fs::write(self.dir.join("orders.jsonl"), orders).unwrap();
        let acknowledged = json!({
            "pizza": [{ "order": ORDER, "count": 3 }],
            "hard": [{ "id": "a-0" }, { "id": "a-1" }, { "id": "b-0" }, { "id": "a-2" }],
        });
        write(self.dir.join("acknowledged.json"), &acknowledged);
        let stage = |name: &str, input: &str, output: &str, audit: Option<&str>| {
            json!([{
                "name": name, "group": name, "input": input, "output": output, "audit": audit,
            }])
        };
        let chains = json!([
            { "name": "pizza", "source": "pizza", "last": "with-sauce",
              "stages": stage("sauce", "pizza", "with-sauce", None) },
            { "name": "hard", "source": "in", "last": "mixed",
              "stages": stage("mix", "in", "mixed", Some("audit")) },
        ]);
        write(self.dir.join("chains.json"), &chains);
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("judge.py");
        let output = Command::new("python3").arg(judge).arg(&inside).args(args).output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text.into_owned())
    }
}

impl Drop for History {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

#[test]
fn where_all_is_well_it_finds_nothing() {
    for args in [&[][..], &["--halted"]] {
        let (well, text) = History::well("well").judged(args);
        assert!(well, "{args:?}: {text}");
    }
}

type Spoil = fn(&mut History);

fn topic<'h>(history: &'h mut History, name: &str) -> &'h mut Vec<Value> {
    history.topics.get_mut(name).unwrap()
}

fn finds(args: &[&str], cases: &[(&str, Spoil)]) {
    for (at, (wanted, spoil)) in cases.iter().enumerate() {
        let mut history = History::well(&format!("{}-{at}", args.len()));
        spoil(&mut history);
        let (well, text) = history.judged(args);
        assert!(!well && text.contains(wanted), "case {at}, {wanted:?}: {text}");
    }
}

#[test]
fn it_finds_what_is_wrong_in_the_end() {
    finds(
        &[],
        &[
            ("lost: pizza: \"77\"-2 was acknowledged", |h| _ = topic(h, "pizza").pop()),
            ("lost: sauce: \"77\"-1 is in pizza", |h| _ = topic(h, "with-sauce").remove(1)),
            ("twice: with-sauce: \"77\"-2 is there 2", |h| {
                topic(h, "with-sauce").push(pizza(12, 2))
            }),
            ("invented: pizza: \"78\"-0", |h| {
                let mut other = pizza(3, 0);
                other["key"] = "\"78\"".into();
                topic(h, "pizza").push(other);
            }),
            ("order: audit", |h| {
                let copied = json!({ "audit": true });
                topic(h, "in").push(task(5, "b", 1, copied.clone()));
                topic(h, "mixed").push(task(5, "b", 1, copied.clone()));
                topic(h, "audit").insert(0, task(0, "b", 1, copied));
            }),
            ("order: with-sauce", |h| topic(h, "with-sauce").swap(0, 1)),
            ("order: mixed", |h| topic(h, "mixed").swap(1, 2)),
            ("is in two partitions", |h| topic(h, "with-sauce")[2]["partition"] = 3.into()),
            ("invented: with-sauce", |h| topic(h, "with-sauce").push(pizza(12, 9))),
            ("wrong way: mix: a-1", |h| {
                topic(h, "in.mix.dlq").clear();
                topic(h, "mixed").push(task(9, "a", 1, json!({ "rejects": "mix" })));
            }),
            ("wrong reason: mix: a-1", |h| {
                topic(h, "in.mix.dlq")[0]["headers"] =
                    json!({ "__stage.errors.disposition": "retries-exhausted" });
            }),
            ("audit: b-0", |h| topic(h, "audit").clear()),
            ("audit: a-0", |h| topic(h, "audit").push(task(1, "a", 0, json!({})))),
            ("parked: mix: in-0-4", |h| {
                topic(h, "in.mix.redirect").push(json!({ "partition": 0, "offset": 0,
                    "key": "in-0-4", "value": "{}", "headers": {} }));
            }),
            ("behind: mix", |h| h.offsets["mix"] = committed(0, 4, "")),
            // Unfinished are 2 and 4 of what ends at 5.
            ("behind: mix", |h| h.offsets["mix"] = committed(0, 2, "1:tag:DB")),
            ("the API tells 3 pizzas", |h| h.orders[0]["complete"] = false.into()),
            ("the API does not know", |h| h.orders = json!([])),
            ("pizza: order 77", |h| h.orders[0]["pizzas"][1]["meats"] = "".into()),
        ],
    );
}

#[test]
fn it_finds_what_does_not_agree_when_all_are_dead() {
    finds(
        &["--halted"],
        &[
            ("not committed: sauce: \"77\"-2", |h| h.offsets["sauce"] = committed(1, 2, "")),
            ("not committed: mix: b-0", |h| h.offsets["mix"] = committed(0, 2, "1:tag:DB")),
            ("lost: mix: a-2 is committed", |h| _ = topic(h, "mixed").pop()),
            ("twice: with-sauce", |h| topic(h, "with-sauce").push(pizza(12, 2))),
            ("audit: b-0", |h| topic(h, "audit").clear()),
        ],
    );
}

#[test]
fn what_is_unfinished_by_the_metadata_is_not_missed() {
    let mut history = History::well("unfinished");
    history.offsets["mix"] = committed(0, 2, "1:tag:DB");
    topic(&mut history, "mixed").retain(|record| record["key"] == "a" && record["offset"] == 2);
    topic(&mut history, "audit").clear();
    let (well, text) = history.judged(&["--halted"]);
    assert!(well, "{text}");
}
