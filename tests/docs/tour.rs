//! docs/tour.md: from the first pizza to a stage of one's own.

use crate::document::Document;
use crate::orders::LIMIT;
use crate::readme::{in_a_clone, open};
use crate::rig::until;
use crate::shell::{Shell, free};
use std::net::TcpStream;
use std::time::Duration;

fn until_it_answers(shell: &Shell) {
    let address = shell.here("127.0.0.1:8094");
    until("the shop answers", LIMIT, || TcpStream::connect(&address).ok());
}

#[test]
fn from_the_first_pizza_to_a_stage_of_ones_own() {
    let mut document = Document::read("docs/tour.md");
    let own = format!("127.0.0.1:{}", free(9092));
    let mut shell = open(&own);
    shell.env.retain(|(name, _)| *name != "STAGE_BROKERS");
    shell.env.push(("STAGE_BROKER_LISTEN", own));
    in_a_clone(&shell);
    // The one that is built here is what it would be.
    shell.here.push(("basil", "oregano".into()));

    let mut shop = shell.start(&document.next("cargo run"));
    shell.run(&document.next("order 5"));
    shell.run(&document.next("order 1000"));
    document.pass("kill -KILL", "it would take other shops of this machine for ours");
    shop.kill();
    let mut shop = shell.start(&document.next("cargo run"));
    until_it_answers(&shell);
    let look = document.next("/orders?limit=1").command;
    let complete = || shell.told(&look).contains("\"complete\":true").then_some(());
    until("the order is complete", LIMIT, complete);

    shell.run(&document.next("pizza new stage"));
    document.pass("cargo test", "its test runs as that of plug-ins/oregano");
    document.pass("cargo build", "what it builds is built, as plug-ins/oregano");
    assert!(shop.stop(Duration::from_secs(12)).success(), "{}", shop.log.display());
    let mut shop = shell.start(&document.next("cargo run"));
    until_it_answers(&shell);
    shell.run(&document.next("order 3"));
    shell.run(&document.next("/records"));
    document.pass("kill -KILL", "tests/pizza/new_stage.rs does");
    document.ends();
    assert!(shop.stop(Duration::from_secs(12)).success(), "{}", shop.log.display());
}
