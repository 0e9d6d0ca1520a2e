//! docs/dead-letters.md, with the shop's own stage and route map.

use crate::document::Document;
use crate::orders::LIMIT;
use crate::rig::broker::{Own, root};
use crate::rig::judge::Judge;
use crate::rig::letters::{Hand, Letter};
use crate::rig::process::program;
use crate::shell::Shell;
use std::time::Duration;

/// Writes a record where kcat writes it.
pub(crate) fn write(brokers: &str, key: &str, value: &str) {
    let hand = Hand::new(brokers);
    let letter = Letter { partition: 1, key: Some(key), value: Some(value), time: 0, headers: &[] };
    hand.write("pizza", &letter);
    hand.flush();
}

#[test]
fn letters_are_listed_replayed_and_dropped() {
    let broker = Own::start();
    let map = std::fs::read_to_string(root().join("topics.toml")).unwrap();
    let mut shell = Shell::open(&broker.address, &map);
    shell.apply();
    let mut document = Document::read("docs/dead-letters.md");
    let mut stage = shell.stage(program("sauce"), &[]);
    let mut letters = Judge::of(&broker.address, "pizza.sauce.dlq");

    shell.run(&document.next("export"));
    if shell.run(&document.next("kcat")).is_none() {
        write(&broker.address, "k1", "rubbish");
    }
    letters.expect(1, LIMIT);
    shell.run(&document.next("list"));
    let [all, own] =
        ["pizza", "sauce"].map(|program| shell.told(&format!("{program} dead-letters list")));
    assert_eq!(all, own, "each stage's own program has the same commands");
    let shown = shell.run(&document.next("show")).unwrap();
    assert!(shown.contains("from         pizza[1]@0") && shown.contains("rubbish"), "{shown}");
    let counted = shell.run(&document.next("count --by reason")).unwrap();
    assert!(counted.contains("1  deserialization"), "{counted}");
    if let Some(messages) = shell.run(&document.next("jq -r .message")) {
        assert_eq!(messages, "expected value at line 1 column 1\n");
    }

    let would = shell.run(&document.next("--dry-run")).unwrap();
    assert!(would.contains("would replay 1 to pizza"), "{would}");
    shell.run(&document.next("replay"));
    // It dies again. The mark of the replay lies there too.
    letters.expect(3, LIMIT);
    let died = letters.seen.iter().filter(|seen| seen.key.as_deref() == Some(b"k1"));
    assert_eq!(died.count(), 2);

    shell.run(&document.next("--to retry-lane"));
    // It dies once more, and there is another mark.
    letters.expect(5, LIMIT);

    let map = shell.dir.join("again.toml");
    std::fs::write(map, &document.maps[0]).unwrap();
    shell.run(&document.next("topics apply"));
    shell.run(&document.next("--to-topic"));
    let mut again = shell.start(&document.next("--config again.toml"));
    Judge::of(&broker.address, "pizza.again.sauce.dlq").expect(1, LIMIT);
    assert!(again.stop(Duration::from_secs(10)).success(), "{}", again.log.display());
    let elsewhere = shell.told("pizza dead-letters list --config again.toml");
    assert!(elsewhere.contains("k1"), "{elsewhere}");

    write(&broker.address, "k3", "rubbish");
    write(
        &broker.address,
        "k2",
        r#"{"order_id":"","sauce":1,"cheese":"","meats":"","veggies":""}"#,
    );
    // With a mark for each of the three replays.
    letters.expect(8, LIMIT);
    let dropped = shell.run(&document.next("drop")).unwrap();
    assert!(dropped.contains("pizza.sauce.dlq: dropped 1"), "{dropped}");
    document.ends();
    let left = shell.told("pizza dead-letters list");
    assert!(left.contains("k3") && !left.contains("k2"), "{left}");
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}
