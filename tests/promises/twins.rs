//! Two processes with one identity, as where a machine was cloned with its state directory: each would take
//! the other's place for ever. Both go on, and nothing is lost or there twice.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, Seen, at_least_once, exactly_once};
use crate::rig::load::Load;
use crate::rig::{broker, until};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Until both are at work: the second fence, a new identity, and the session of the old one.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn twins_go_on_exactly_once() {
    go_on("exactly-once", exactly_once);
}

#[test]
fn twins_go_on_at_least_once() {
    go_on("at-least-once", at_least_once);
}

fn go_on(delivery: &str, judged: impl Fn(&str, &[Seen], &[usize])) {
    let mut chain = Chain::new(&broker::shared(), &["pizza", "with-sauce"], &["sauce"], "");
    chain.flags = vec!["--delivery".into(), delivery.into()];
    let mut stages = vec![chain.start("sauce", 0)];
    let load = Load::start(&chain.brokers, chain.first(), 500);
    let mut last = Judge::of(&chain.brokers, chain.last());
    last.expect(500, LIMIT);
    let slot = |instance| {
        chain.dir.join(format!("state-{instance}")).join(chain.group("sauce")).join("worker-0")
    };
    copy(&slot(0), &slot(1));
    stages.push(chain.start("sauce", 1));
    let group = chain.group_of(0);
    until("each twin at work", LIMIT, || (group.shares()? == [2, 2]).then_some(()));
    let identity = |instance| fs::read_to_string(slot(instance)).unwrap();
    assert_ne!(identity(0), identity(1), "they share the group, and an identity");
    let said = |at: usize| fs::read_to_string(&stages[at].log).unwrap();
    assert!((said(0) + &said(1)).contains("begins anew"), "nobody was fenced");
    let written = load.end();
    let records = last.expect(written.iter().sum(), LIMIT);
    judged(chain.last(), records, &written);
    for stage in &mut stages {
        assert!(!stage.has_ended(), "{}", stage.log.display());
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}
