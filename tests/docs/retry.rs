//! docs/retry.md: the keys that wait with policy `ordered`, and what is decided of them.

use crate::document::Document;
use crate::orders::{BAD, GOOD, LIMIT, Shop, pairs};
use crate::rig::until;
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;

/// How often the first record of a key has failed; None: it does not wait.
fn attempts(shop: &Shop, key: &str) -> Option<u64> {
    let listed = shop.shell.told("pizza keys list --json");
    let lines = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut of_key = lines.filter(|line| line["key"] == format!("\"{key}\""));
    of_key.next()?["attempts"].as_u64()
}

fn until_tried(shop: &Shop, key: &str, times: u64) {
    let tried = || {
        // Each look is a process.
        std::thread::sleep(Duration::from_millis(200));
        attempts(shop, key).filter(|attempts| *attempts >= times)
    };
    until(&format!("key {key} is tried {times} times"), LIMIT, tried);
}

#[test]
fn keys_wait_until_somebody_decides() {
    let mut shop = Shop::open("ordered");
    let mut document = Document::read("docs/retry.md");
    let mut stage = shop.start();
    // A partner that answers nobody.
    let partner = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    shop.write(3, "5", GOOD, 391);
    shop.write(3, "17", BAD, 212);
    shop.write(3, "5", GOOD, 1);
    shop.out.expect(392, LIMIT);
    assert!(pairs(&shop.out.seen).iter().all(|(key, _)| key == "5"), "key 17 waits");
    // So late that it is being tried still when the other is held, by the policy's back-off.
    until_tried(&shop, "17", 7);
    shop.write(0, "204", &partner, 1);
    until_tried(&shop, "17", 8);
    until_tried(&shop, "204", 7);
    shop.shell.run(&document.next("keys list"));
    // It is tried again by itself.
    let partner = TcpListener::bind(partner).unwrap();
    let shown = shop.shell.run(&document.next("keys show")).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 1 + 212, "a heading, and a line for each");
    assert!(lines[1].contains("orders[3]@391") && lines[1].contains("held"), "{}", lines[1]);
    let behind = |offset: usize, line: &str| {
        line.contains(&format!("orders[3]@{offset} ")) && line.contains("behind")
    };
    let all_behind = lines[2..].iter().enumerate().all(|(at, line)| behind(392 + at, line));
    assert!(all_behind, "they are not in their order");

    shop.shell.run(&document.next("keys retry-now"));
    shop.shell.run(&document.next("keys skip"));
    shop.shell.run(&document.next("keys release"));
    document.ends();
    shop.letters.expect(212, LIMIT);
    assert!(pairs(&shop.letters.seen).iter().all(|(key, order)| key == "17" && order == BAD));
    let offset = |at: usize| shop.letters.seen[at].header("__stage.errors.offset").unwrap();
    assert!((0..212).all(|at| offset(at) == (391 + at).to_string()), "in their order");
    let reason = |at: usize| shop.letters.seen[at].header("__stage.errors.disposition").unwrap();
    assert_eq!(
        (reason(0), reason(1), reason(211)),
        ("rejected".into(), "rejected".into(), "order-blocked".into())
    );

    // Both keys are free.
    shop.write(3, "17", GOOD, 1);
    let out = shop.out.expect(394, LIMIT);
    let last: Vec<_> = pairs(&out[392..]).into_iter().map(|(key, _)| key).collect();
    assert!(last.contains(&"17".to_owned()) && last.contains(&"204".to_owned()), "{last:?}");
    assert_eq!(shop.shell.told("pizza keys list"), "nothing waits\n");
    drop(partner);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}
