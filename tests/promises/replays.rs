//! A dead letter goes back into the retry lane of its stage: before what waits of its key, once, through
//! `kill -9`, and nobody else sees it.

use super::lane::parked;
use super::operator::{Shop, of};
use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, in_order};
use crate::rig::letters::{Hand, Letter, command, refused, told, told_json};
use crate::rig::moods;
use crate::rig::process::Process;
use crate::rig::{broker, scaled, until};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

const INTO_THE_LANE: [&str; 5] = ["replay", "--stage", "flaky", "--to", "retry-lane"];

/// So many records wait, and no command.
fn until_waiting(shop: &Shop, count: usize) {
    let mut redirect =
        Judge::of(&shop.chain.brokers, &format!("{}.flaky.redirect", shop.chain.first()));
    until("the redirect topic is read", LIMIT, || {
        (redirect.look(Duration::from_millis(100)) > 0).then_some(())
    });
    until("they wait", LIMIT, || {
        let notes = parked(&shop.chain);
        let taken = !notes.keys().any(|name| name.starts_with("control/"));
        (taken && notes.len() == count).then_some(())
    });
}

#[test]
fn a_replayed_record_goes_before_what_waits_of_its_key_and_nobody_else_sees_it() {
    let shop = Shop::open();
    let [one, two, ..] = shop.keys;
    let mut stage = shop.start();
    shop.write(one, 0..5, "");
    shop.until_parked(5);
    shop.pizza("skip", one);
    shop.pizza("skip", one);
    until_waiting(&shop, 3);

    let dry = told(&shop.chain, &[&INTO_THE_LANE[..], &["--dry-run"]].concat());
    assert!(dry.contains("would replay 2 to the retry lane of flaky"), "{dry}");
    let said = told(&shop.chain, &INTO_THE_LANE);
    assert!(said.contains("replayed 2 to the retry lane of flaky"), "{said}");
    until_waiting(&shop, 5);
    // It is tried at once, and nothing can be done still.
    let first = |notes: &str| notes.contains("\"attempts\":1,\"due\"") && notes.contains("away");
    until("it was tried", LIMIT, || {
        parked(&shop.chain)
            .values()
            .any(|note| note.contains("edition") && first(note))
            .then_some(())
    });
    shop.write(one, 5..6, "");
    until_waiting(&shop, 6);

    std::fs::remove_file(&shop.away).unwrap();
    shop.pizza("retry-now", one);
    let mut out = shop.out();
    out.expect(2, LIMIT);
    // What it went before waits for its own hour still.
    until_waiting(&shop, 4);
    shop.pizza("retry-now", one);
    out.expect(6, LIMIT);
    assert_eq!(of(one, &out.seen), [0, 1, 2, 3, 4, 5]);
    for (seq, seen) in out.seen.iter().enumerate() {
        let replays = seen.header("__stage.replays");
        assert_eq!(replays.as_deref(), (seq < 2).then_some("1"), "{seen:?}");
        let own = ["__stage.retry.", "__stage.control.", "__stage.errors."];
        let left =
            seen.headers.iter().find(|(name, _)| own.iter().any(|own| name.starts_with(own)));
        assert_eq!(left, None);
    }
    until_waiting(&shop, 0);
    let mut input = Judge::of(&shop.chain.brokers, shop.chain.first());
    input.expect(6, LIMIT);
    assert_eq!(input.look(Duration::from_secs(1)), 6, "nobody else sees it");
    assert_eq!(told_json(&shop.chain, &INTO_THE_LANE)[0]["replayed"], 0, "they are done with");

    // Whoever does not run takes it when it starts; a policy that parks nothing may not leave it behind.
    std::fs::write(&shop.away, "").unwrap();
    shop.write(two, 0..1, "");
    until_waiting(&shop, 1);
    shop.pizza("skip", two);
    until_waiting(&shop, 0);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    std::fs::remove_file(&shop.away).unwrap();
    assert_eq!(told_json(&shop.chain, &INTO_THE_LANE)[0]["replayed"], 1);
    let map = shop.chain.dir.join("topics.toml");
    let written = std::fs::read_to_string(&map).unwrap();
    std::fs::write(&map, written.replace("\"ordered\"", "\"in-place\"")).unwrap();
    let mut stage = shop.start();
    until("the stage refuses to start", LIMIT, || stage.has_ended().then_some(()));
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(log.contains("1 records waiting"), "{log}");
    let (code, said) = refused(&shop.chain, &INTO_THE_LANE);
    assert_eq!(code, Some(2));
    assert!(said.contains("\"flaky\" has none") && said.contains("--to source"), "{said}");
    std::fs::write(&map, &written).unwrap();
    let mut stage = shop.start();
    out.expect(7, LIMIT);
    assert_eq!(of(two, &out.seen), [0]);
    until_waiting(&shop, 0);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    let (code, said) = refused(&shop.chain, &[&INTO_THE_LANE[..], &["--topic", "else"]].concat());
    assert_eq!(code, Some(2));
    assert!(said.contains("else"), "{said}");
}

#[test]
fn what_is_replayed_into_the_lane_comes_out_once_and_in_order_through_kill_9() {
    let records = scaled(12_000).max(4_000);
    let shop = Shop::open();
    let one = shop.keys[0];
    let mut stage = shop.start();
    shop.write(one, 0..records, "");
    shop.until_parked(records);
    shop.stage("release", one, &["--wait", "0"]);
    let mut letters = shop.letters();
    letters.expect(records, Duration::from_secs(60));
    until_waiting(&shop, 0);
    std::fs::remove_file(&shop.away).unwrap();

    // What has no hope dies again.
    let hope = |seq: &usize| !moods::is_hopeless(one, *seq);
    let hopeful: Vec<usize> = (0..records).filter(hope).collect();
    // Whoever replays is killed as well.
    let rate = [records / 40, records / 10].map(|rate| rate.to_string());
    let [slow, faster] = [0, 1].map(|at| [&INTO_THE_LANE[..], &["--rate", &rate[at]]].concat());
    let log = shop.chain.dir.join("replay.log");
    let mut replay = Process::start(command(&shop.chain, &slow), &log);
    let mut out = shop.out();
    for kill in 1..=4 {
        // More of it than before the last kill, if there is more.
        let part = (out.seen.len() + records / 10).min(hopeful.len());
        until("a part of it is done", Duration::from_secs(60), || {
            (out.look(Duration::from_millis(5)) >= part).then_some(())
        });
        if kill == 1 {
            assert!(!replay.has_ended(), "it ended before it was killed: {}", log.display());
            replay.kill();
            replay = Process::start(command(&shop.chain, &faster), &log);
        }
        stage.kill();
        eprintln!("kill {kill} after {} records", out.seen.len());
        stage = shop.start();
    }
    assert!(replay.end(Duration::from_secs(60)).success(), "{}", log.display());
    out.expect(hopeful.len(), Duration::from_secs(60));
    until_waiting(&shop, 0);
    let open = told_json(&shop.chain, &["list", "--stage", "flaky", "--limit", "0"]);
    assert_eq!(open.len(), records - hopeful.len());
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    assert_eq!(out.look(Duration::from_secs(1)), hopeful.len(), "something is there twice");
    in_order("the output", &out.seen);
    assert_eq!(of(one, &out.seen), hopeful, "each once, in order");
    let input = Judge::of(&shop.chain.brokers, shop.chain.first()).look(Duration::from_secs(2));
    assert_eq!(input, records, "nobody else sees it");
}

#[test]
fn only_a_lane_of_where_they_came_from_takes_them() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["flaky"], "");
    let hand = Hand::new(&chain.brokers);
    let in_it = |partition| (chain.first(), partition);
    for (topic, partition) in [("elsewhere", b"1"), in_it(b"9"), in_it(b"1")] {
        let headers: [(&str, &[u8]); 3] = [
            ("__stage.errors.topic", topic.as_bytes()),
            ("__stage.errors.partition", partition),
            ("__stage.errors.offset", b"17"),
        ];
        let (key, value) = (Some("k"), Some("v"));
        let letter = Letter { partition: 1, key, value, time: -1, headers: &headers };
        hand.write(&chain.dead_letters(0), &letter);
    }
    hand.flush();
    let said = told(&chain, &INTO_THE_LANE);
    assert!(said.contains("replayed 0"), "{said}");
    assert!(said.contains("left 1: they came from \"elsewhere\""), "{said}");
    assert!(said.contains("has no partition 9"), "{said}");
    assert!(said.contains("was it made anew?"), "{said}");
}
