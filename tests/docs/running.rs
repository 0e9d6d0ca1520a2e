//! docs/running.md: each stage a program of its own, and what one does with its dead letters.

use crate::dead_letters::write;
use crate::document::Document;
use crate::orders::LIMIT;
use crate::readme::open;
use crate::rig::broker::Own;
use crate::rig::judge::Judge;
use crate::rig::process::Process;
use crate::rig::until;
use std::net::TcpStream;
use std::process::Command;

/// A process, and those that its shell started before it; all are killed when it is dropped.
struct Services(Process);

impl Drop for Services {
    fn drop(&mut self) {
        let id = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        Command::new("kill").arg("-KILL").args(children.split_whitespace()).status().ok();
    }
}

#[test]
fn each_stage_by_itself_and_its_dead_letters() {
    let mut document = Document::read("docs/running.md");
    let broker = Own::start();
    let mut shell = open(&broker.address);
    document.pass("cargo build", "what it builds is built");
    shell.run(&document.next("export"));
    shell.run(&document.next("topics apply"));
    write(&broker.address, "k1", "rubbish");
    let stages = document.next("for stage in");
    let _services = Services(shell.start_behind(&stages.command, &document.next("pizza-api")));
    let address = shell.here("127.0.0.1:8094");
    until("the API listens", LIMIT, || TcpStream::connect(&address).ok());
    shell.run(&Document::find("README.md", "pizza order"));
    Judge::of(&broker.address, "pizza.sauce.dlq").expect(1, LIMIT);
    shell.run(&document.next("dead-letters list"));
    shell.run(&document.next("dead-letters show"));
    shell.run(&document.next("dead-letters replay"));
    document.ends();
}
