//! What no stage can handle ends in the dead letters, as it was and with the reason; the stage and
//! all other records go on.

use crate::rig::chain::{Chain, PARTITIONS};
use crate::rig::judge::{Judge, Seen, exactly_once, identity};
use crate::rig::orders::Orders;
use crate::rig::process::{Process, example};
use crate::rig::{broker, runs, scaled, seed, until};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rdkafka::message::{Header, OwnedHeaders};
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "__stage.errors.";

/// All of the native set, in no order.
const NATIVE: [&str; 12] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "group",
    "stage",
    "attempts",
    "first.failure.timestamp",
    "last.failure.timestamp",
    "disposition",
    "exception.class.name",
    "exception.message",
];

/// What the output topic takes; an oversized pizza is larger, and smaller than the input's limit.
const LIMIT: usize = 20_000;

/// A way to be bad, and what the dead letter says of it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    disposition: &'static str,
    /// One of these words stands in the message.
    says: &'static [&'static str],
}

const fn kind(
    name: &'static str,
    disposition: &'static str,
    says: &'static [&'static str],
) -> Kind {
    Kind { name, disposition, says }
}

const KINDS: [Kind; 10] = [
    kind("random bytes", "deserialization", &["expected", "invalid", "EOF", "control"]),
    kind("truncated JSON", "deserialization", &["EOF"]),
    kind("wrong types", "deserialization", &["expected a pizza"]),
    kind("missing field", "deserialization", &["field sauce is missing"]),
    kind("nested 200 deep", "deserialization", &["field meats is [[[", "recursion"]),
    kind("invalid UTF-8", "deserialization", &["unicode", "utf-8", "UTF-8"]),
    kind("tombstone", "deserialization", &["tombstone"]),
    kind("null key", "rejected", &["without a key"]),
    kind("number for text", "deserialization", &["field order_id is 17, not text"]),
    kind("oversized output", "production", &["20000"]),
];

/// Key and value of the `number`th bad record.
fn bad(number: usize, rng: &mut impl Rng) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let mut random = |length: usize| -> Vec<u8> { (0..length).map(|_| rng.random()).collect() };
    let rest = r#""cheese":"","meats":"","veggies":"""#;
    let pizza = |sauce: &str| format!(r#"{{"order_id":"b{number}",{sauce}{rest}}}"#).into_bytes();
    let good = pizza(r#""sauce":"","#);
    let value = match KINDS[number % KINDS.len()].name {
        "random bytes" => {
            let mut bytes = random(64);
            // No JSON begins with it.
            bytes[0] |= 0x80;
            Some(bytes)
        }
        "truncated JSON" => Some(good[..good.len() / 2].to_vec()),
        "wrong types" => Some(br#"["order_id","sauce","cheese","meats","veggies"]"#.to_vec()),
        "missing field" => Some(pizza("")),
        "nested 200 deep" => {
            let deep = format!(r#""meats":{}{}"#, "[".repeat(200), "]".repeat(200));
            let text = String::from_utf8(good).unwrap();
            Some(text.replace(r#""meats":"""#, &deep).into_bytes())
        }
        "invalid UTF-8" => {
            let at = good.iter().position(|byte| *byte == b'b').unwrap();
            Some([&good[..at], b"\xff\xfe", &good[at..]].concat())
        }
        "tombstone" => None,
        "number for text" => {
            let text = String::from_utf8(good).unwrap();
            Some(text.replace(&format!(r#""b{number}""#), "17").into_bytes())
        }
        "oversized output" => {
            // Letters that compression makes little of.
            let letters: Vec<u8> = random(LIMIT + 10_000).iter().map(|b| b'A' + b % 26).collect();
            let letters = String::from_utf8(letters).unwrap();
            Some(pizza(&format!(r#""sauce":"","note":"{letters}","#)))
        }
        _ => Some(good),
    };
    let key = match KINDS[number % KINDS.len()].name {
        "null key" => None,
        // A bad record of a good order's key, where it stands between good ones.
        _ if number.is_multiple_of(3) => Some(format!("\"{}\"", number % 50).into_bytes()),
        _ => Some(random(16)),
    };
    (key, value)
}

/// Headers that are hard to keep: repeated, null, empty, not UTF-8, and the trace of an earlier
/// death.
fn headers(number: usize) -> OwnedHeaders {
    let header = |key, value| Header { key, value };
    let text = number.to_string();
    let headers = OwnedHeaders::new()
        .insert(header("bad", Some(text.as_bytes())))
        .insert(header("twice", Some(b"1")))
        .insert(header("null", None::<&[u8]>))
        .insert(header("twice", Some(b"")))
        .insert(header("raw", Some(b"\x00\xff")));
    match number % 2 {
        0 => headers.insert(header("__stage.errors.topic", Some(b"elsewhere"))),
        _ => headers,
    }
}

fn millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A dead letter is the record it was, in the same partition, and says all that is to be said.
fn judge_letter(letter: &Seen, origin: &Seen, chain: &Chain, stage: &str, since: i64) {
    assert_eq!((&letter.key, &letter.value), (&origin.key, &origin.value));
    assert_eq!(letter.partition, origin.partition);
    let ours = |name: &str| name.starts_with(PREFIX);
    let kept = |seen: &Seen| -> Vec<_> {
        seen.headers.iter().filter(|(name, _)| !ours(name)).cloned().collect()
    };
    assert_eq!(kept(letter), kept(origin), "headers are kept byte for byte");
    let first = letter.headers.iter().position(|(name, _)| ours(name)).unwrap();
    assert!(letter.headers[first..].iter().all(|(name, _)| ours(name)), "ours come last");
    for name in NATIVE {
        let name = format!("{PREFIX}{name}");
        let count = letter.headers.iter().filter(|(found, _)| *found == name).count();
        assert_eq!(count, 1, "{name} stands there once: {:?}", letter.headers);
    }
    let says = |name: &str| letter.header(&format!("{PREFIX}{name}")).unwrap();
    assert_eq!(says("topic"), chain.first());
    assert_eq!(says("partition"), origin.partition.to_string());
    assert_eq!(says("offset"), origin.offset.to_string());
    assert_eq!(says("timestamp"), origin.time.to_string());
    assert_eq!(says("group"), chain.group(stage));
    assert_eq!(says("stage"), stage);
    let (first, last): (i64, i64) = (
        says("first.failure.timestamp").parse().unwrap(),
        says("last.failure.timestamp").parse().unwrap(),
    );
    assert!(since <= first && first <= last && last <= millis(), "{since} {first} {last}");
    assert!(!says("exception.class.name").is_empty());
    assert!(!says("exception.message").is_empty());
}

/// Where each letter says it comes from.
fn origin_of(letter: &Seen) -> (i32, i64) {
    let number = |name: &str| letter.header(&format!("{PREFIX}{name}")).unwrap();
    (number("partition").parse().unwrap(), number("offset").parse().unwrap())
}

#[test]
fn a_thousand_bad_records_of_ten_kinds() {
    let limit = format!("config = {{ \"max.message.bytes\" = \"{LIMIT}\" }}");
    let chain = Chain::with_last(&broker::shared(), &["in", "out"], &["sauce"], "", &limit);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let (goods, bads) = (scaled(10_000), scaled(1_000));
    let since = millis();
    let mut stage = chain.start("sauce", 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 50);
    // Bad ones lie anywhere between good ones.
    let mut turns: Vec<bool> = (0..goods + bads).map(|at| at < bads).collect();
    turns.shuffle(&mut rng);
    let mut number = 0;
    for turn in turns {
        if turn {
            let (key, value) = bad(number, &mut rng);
            orders.send(key.as_deref(), value.as_deref(), headers(number));
            number += 1;
        } else {
            orders.write(1);
        }
    }
    orders.flush();
    let mut out = Judge::of(&chain.brokers, chain.last());
    exactly_once("the good", out.expect(goods, Duration::from_secs(60)), &orders.written);
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    let dead = dead.expect(bads, Duration::from_secs(30));
    assert_eq!(dead.len(), bads, "each bad record is a dead letter once");
    let mut input = Judge::of(&chain.brokers, chain.first());
    let input = input.expect(goods + bads, Duration::from_secs(30));
    let origins: HashMap<_, _> =
        input.iter().map(|seen| ((seen.partition, seen.offset), seen)).collect();
    let mut numbers = Vec::new();
    for letter in dead {
        let number: usize = letter.header("bad").expect("a good record died").parse().unwrap();
        numbers.push(number);
        judge_letter(letter, origins[&origin_of(letter)], &chain, "sauce", since);
        let kind = KINDS[number % KINDS.len()];
        let says = |name: &str| letter.header(&format!("{PREFIX}{name}")).unwrap();
        let message = says("exception.message");
        assert_eq!(says("disposition"), kind.disposition, "{}: {message}", kind.name);
        assert_eq!(says("attempts"), "1", "{}", kind.name);
        assert!(kind.says.iter().any(|word| message.contains(word)), "{}: {message}", kind.name);
        if number < KINDS.len() {
            eprintln!("{}: {message}", kind.name);
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..bads).collect::<Vec<_>>());
    assert!(!stage.has_ended(), "the stage stopped: {}", stage.log.display());
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

/// A chain of one stage that fails as the values say.
fn moody(more: &str) -> Chain {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], more);
    chain.env = vec![(runs::VARIABLE, chain.dir.join("runs").display().to_string())];
    chain
}

fn start_moody(chain: &Chain) -> Process {
    chain.start_program(example("moody"), "moody", 0)
}

#[test]
fn what_keeps_failing_is_given_up_and_others_go_on() {
    let chain = moody("retry = { policy = \"in-place\", attempts = 3, backoff = \"10ms..50ms\" }");
    let since = millis();
    let mut stage = start_moody(&chain);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 20);
    let cases = [
        ("panic", "3", "retries-exhausted", "there was no cheese"),
        ("fail", "3", "retries-exhausted", "invalid digit"),
        ("reject", "1", "rejected", "we do not do that here"),
    ];
    for round in 0..20 {
        orders.write(40);
        let (what, ..) = cases[round % 3];
        // Half of them have a key to themselves, half stand in the way of an order.
        let key = format!("\"{}\"", if round % 2 == 0 { round } else { 1000 + round });
        let number = Header { key: "number", value: Some(&round.to_string()) };
        orders.send(
            Some(key.as_bytes()),
            Some(what.as_bytes()),
            OwnedHeaders::new().insert(number),
        );
    }
    orders.write(40);
    orders.flush();
    let mut out = Judge::of(&chain.brokers, chain.last());
    let good = out.expect(orders.total(), Duration::from_secs(30));
    exactly_once("the good", good, &orders.written);
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    let dead = dead.expect(20, Duration::from_secs(30));
    assert_eq!(dead.len(), 20);
    let mut input = Judge::of(&chain.brokers, chain.first());
    let input = input.expect(orders.total() + 20, Duration::from_secs(30));
    let runs = runs::read(&chain.dir.join("runs"));
    for letter in dead {
        let origin = origin_of(letter);
        let source = input.iter().find(|seen| (seen.partition, seen.offset) == origin).unwrap();
        judge_letter(letter, source, &chain, "moody", since);
        let says = |name: &str| letter.header(&format!("{PREFIX}{name}")).unwrap();
        let value = String::from_utf8(letter.value.clone().unwrap()).unwrap();
        let case = cases.iter().find(|case| case.0 == value).expect("a good record died");
        let message = says("exception.message");
        assert_eq!((&*says("attempts"), &*says("disposition")), (case.1, case.2), "{value}");
        assert!(message.contains(case.3), "{value}: {message}");
        let tried = runs.iter().filter(|run| (run.partition, run.offset) == origin);
        let attempts: Vec<u32> = tried.map(|run| run.attempt).collect();
        assert_eq!(attempts, (1..=case.1.parse().unwrap()).collect::<Vec<u32>>(), "{value}");
        if case.1 == "3" {
            let time = |name: &str| says(name).parse::<i64>().unwrap();
            let took = time("last.failure.timestamp") - time("first.failure.timestamp");
            // Two waits of 10 and 20 ms, each less up to a quarter.
            assert!(took >= 20, "{value}: three attempts within {took} ms");
        }
    }
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn a_stage_told_to_stop_keeps_the_record() {
    let mut chain = moody("retry = { policy = \"stop\" }");
    let mut stage = start_moody(&chain);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 20);
    orders.write(200);
    orders.flush();
    let mut out = Judge::of(&chain.brokers, chain.last());
    out.expect(200, Duration::from_secs(30));
    let group = chain.group_of(0);
    until("all is committed", Duration::from_secs(10), || {
        (group.committed().iter().sum::<i64>() > 0 && settled(&chain, &group.committed()))
            .then_some(())
    });
    let number = Header { key: "pizza-seq", value: Some("0") };
    let headers = OwnedHeaders::new().insert(number);
    orders.send(Some(b"\"20\""), Some(b"fail"), headers);
    orders.flush();
    orders.write(200);
    orders.flush();
    let mut input = Judge::of(&chain.brokers, chain.first());
    let input = input.expect(401, Duration::from_secs(30));
    let bad = input.iter().find(|seen| seen.value.as_deref() == Some(b"fail")).unwrap();
    // It fails, and it fails first when it is started again.
    for start in 0..2 {
        let status = stage.end(Duration::from_secs(20));
        assert_eq!(status.code(), Some(1), "{}", stage.log.display());
        let log = std::fs::read_to_string(&stage.log).unwrap();
        let last = log.lines().last().unwrap();
        for word in [
            chain.first(),
            &format!("partition {}", bad.partition),
            &format!("offset {}", bad.offset),
            "invalid digit",
        ] {
            assert!(last.contains(word), "{word:?} is not in {last:?}");
        }
        assert!(group.committed()[bad.partition as usize] <= bad.offset);
        assert_first(&chain, bad, start, stage.id());
        chain.env.extend((start == 1).then(|| ("MENDED", "1".to_owned())));
        stage = start_moody(&chain);
    }
    let seen = out.expect(401, Duration::from_secs(30));
    let mut written = orders.written.clone();
    written.push(1);
    exactly_once("after the mend", seen, &written);
    assert_eq!(seen.iter().filter(|seen| identity(seen) == ("20".to_owned(), 0)).count(), 1);
    assert_first(&chain, bad, 2, stage.id());
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    assert_eq!(dead.look(Duration::from_secs(2)), 0, "nothing is given up");
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

/// Whether the group has committed all that a reader sees in the input.
fn settled(chain: &Chain, committed: &[i64]) -> bool {
    let mut input = Judge::of(&chain.brokers, chain.first());
    input.expect(200, Duration::from_secs(10));
    (0..PARTITIONS).all(|partition| {
        let mine = input.seen.iter().filter(|seen| seen.partition == partition);
        mine.map(|seen| seen.offset + 1).max().unwrap_or(0) <= committed[partition as usize]
    })
}

/// In its partition, the record was the first that this process handled.
fn assert_first(chain: &Chain, bad: &Seen, start: usize, process: u32) {
    let runs = runs::read(&chain.dir.join("runs"));
    let mut own =
        runs.iter().filter(|run| run.process == process && run.partition == bad.partition);
    if start == 0 {
        // The first process had handled others before.
        assert!(own.any(|run| run.offset == bad.offset));
    } else {
        let first = own.next().expect("nothing was handled in that partition");
        assert_eq!((first.offset, first.attempt), (bad.offset, 1));
    }
}
