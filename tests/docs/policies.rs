//! Each policy of docs/retry.md, with the line that it gives there: what becomes of a record that fails,
//! and of those behind it.

use crate::document::Document;
use crate::orders::{BAD, GOOD, LIMIT, Shop, pairs};
use crate::rig::process::Process;
use crate::rig::until;
use std::time::Duration;

/// One of a key that fails, the next of its key, and one of another key, behind each other.
fn write(shop: &Shop) {
    shop.write(3, "17", BAD, 1);
    shop.write(3, "17", GOOD, 1);
    shop.write(3, "5", GOOD, 1);
}

/// What has come out so far, beyond what was there.
fn out(shop: &mut Shop, before: usize, count: usize) -> Vec<String> {
    let pairs = pairs(&shop.out.expect(before + count, LIMIT)[before..]);
    pairs.iter().map(|(key, order)| format!("{key}/{order}")).collect()
}

/// What `pizza dead-letters list` says of the only one there is.
fn letter(shop: &mut Shop) -> String {
    shop.letters.expect(1, LIMIT);
    let list = Document::find("docs/dead-letters.md", "dead-letters list").command;
    let list = shop.shell.told(&list);
    assert_eq!(list.lines().count(), 2, "{list}");
    list.lines().last().unwrap().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

fn no_letter(shop: &mut Shop) {
    assert_eq!(shop.letters.look(Duration::from_secs(1)), 0);
}

fn ends(mut stage: Process) {
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn in_place_its_key_waits_and_others_pass() {
    let mut shop = Shop::open("in-place");
    let stage = shop.start();
    write(&shop);
    assert_eq!(out(&mut shop, 0, 2), ["5/2026", "17/2026"], "in this order");
    assert_eq!(
        letter(&mut shop),
        r#"price orders[3]@0 "17" retries-exhausted no price list for 2027"#
    );
    let attempts = shop.letters.seen[0].header("__stage.errors.attempts");
    assert_eq!(attempts.as_deref(), Some("5"));
    ends(stage);
}

#[test]
fn retry_topic_it_waits_alone() {
    let mut shop = Shop::open("retry-topic");
    let stage = shop.start();
    write(&shop);
    assert_eq!(out(&mut shop, 0, 2), ["17/2026", "5/2026"], "what follows of its key passes");
    let list = Document::find("docs/retry.md", "keys list").command;
    let line = until("it is parked", LIMIT, || {
        let listed = shop.shell.told(&list);
        listed.lines().nth(1).map(str::to_owned)
    });
    assert!(
        line.starts_with(r#"price  "17""#) && line.ends_with("no price list for 2027"),
        "{line}"
    );
    shop.list(BAD, true);
    assert_eq!(out(&mut shop, 2, 1), ["17/2027"]);
    no_letter(&mut shop);
    ends(stage);
}

#[test]
fn dead_letter_it_is_given_up_at_once() {
    let mut shop = Shop::open("dead-letter");
    let stage = shop.start();
    write(&shop);
    assert_eq!(out(&mut shop, 0, 2), ["17/2026", "5/2026"]);
    assert_eq!(
        letter(&mut shop),
        r#"price orders[3]@0 "17" retries-exhausted no price list for 2027"#
    );
    let attempts = shop.letters.seen[0].header("__stage.errors.attempts");
    assert_eq!(attempts.as_deref(), Some("1"));
    ends(stage);
}

#[test]
fn stop_all_wait_until_somebody_comes() {
    let mut shop = Shop::open("stop");
    shop.write(3, "17", GOOD, 2);
    write(&shop);
    // It fails, and it fails first when it is started again.
    for _ in 0..2 {
        let mut stage = shop.start();
        assert_eq!(stage.end(LIMIT).code(), Some(1), "{}", stage.log.display());
        let log = std::fs::read_to_string(&stage.log).unwrap();
        let last = log.lines().last().unwrap();
        for word in ["orders", "partition 3", "offset 2", "no price list for 2027"] {
            assert!(last.contains(word), "{word:?} is not in {last:?}");
        }
    }
    shop.list(BAD, true);
    let stage = shop.start();
    assert_eq!(out(&mut shop, 0, 5), ["17/2026", "17/2026", "17/2027", "17/2026", "5/2026"]);
    no_letter(&mut shop);
    ends(stage);
}
