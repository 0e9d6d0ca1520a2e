//! docs/own-topics.md: a stage between topics that were there before.

use crate::document::Document;
use crate::orders::LIMIT;
use crate::rig::broker::Own;
use crate::rig::judge::Judge;
use crate::rig::orders::Orders;
use crate::rig::process::example;
use crate::shell::Shell;
use rdkafka::message::OwnedHeaders;
use std::time::Duration;

/// Somebody else's topic.
const THERE: &str = "[chain]\nname = \"others\"\n[topics.words]\npartitions = 3\nsource = true\n";

#[test]
fn a_stage_stands_between_topics_that_are_there() {
    let mut document = Document::read("docs/own-topics.md");
    // Its topics' names are anybody's.
    let broker = Own::start();
    let mut shell = Shell::open(&broker.address, THERE);
    shell.apply();
    std::fs::write(shell.dir.join("topics.toml"), &document.maps[0]).unwrap();
    let program = example("shout");
    std::os::unix::fs::symlink(program, shell.dir.join("shout")).unwrap();
    let path = format!("{}:{}", shell.dir.display(), std::env::var("PATH").unwrap());
    shell.env.push(("PATH", path));
    shell.run(&document.next("export"));
    shell.run(&document.next("topics check"));
    shell.run(&document.next("topics plan"));
    shell.run(&document.next("topics apply"));
    assert!(shell.told("shout topics plan").starts_with("nothing to do"));
    let mut stage = shell.start(&document.next("shout"));
    document.ends();
    let words = Orders::new(&broker.address, "words", 1);
    words.send(Some(b"k"), Some(b"hello"), OwnedHeaders::new());
    words.flush();
    let mut loud = Judge::of(&broker.address, "loud");
    assert_eq!(loud.expect(1, LIMIT)[0].value.as_deref(), Some(&b"HELLO"[..]));
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}
