//! Dead letters can be acted on: found, understood, sent on their way again exactly once, dropped.

use crate::rig::chain::{Chain, PARTITIONS};
use crate::rig::judge::{Judge, Seen, identity, in_order, none_missing};
use crate::rig::letters::{Hand, Letter, command, refused, told, told_json};
use crate::rig::orders::{Orders, key};
use crate::rig::process::{Process, example};
use crate::rig::{broker, scaled, until};
use rdkafka::ClientConfig;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use stage_sdk::dead_letter::{Filter, Letters, To};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KEYS: usize = 200;

const LIMIT: Duration = Duration::from_secs(30);

/// One dead letter in five is of a reason with cheese in it; of these there are two.
const REASONS: [&str; 10] = [
    "sour cheese",
    "burnt",
    "burnt",
    "burnt",
    "burnt",
    "no cheese",
    "late",
    "late",
    "late",
    "late",
];

/// The reason of a letter: all that a key has of them change from round to round.
fn reason(key: usize, seq: usize) -> &'static str {
    REASONS[(key + seq) % REASONS.len()]
}

/// A while ago, but not so long that a topic would forget records of that time.
fn an_hour_ago() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 - 3_600_000
}

/// Writes dead letters of `in` as a stage does; the records that died began at this time.
fn many(chain: &Chain, count: usize, began: i64) -> Vec<usize> {
    let hand = Hand::new(&chain.brokers);
    let mut written = vec![0; KEYS];
    for number in 0..count {
        let of = number % KEYS;
        let seq = written[of];
        let partition = of as i32 % PARTITIONS;
        let text = |number: usize| number.to_string().into_bytes();
        hand.write(
            &chain.dead_letters(0),
            &Letter {
                partition,
                key: Some(&key(of)),
                value: Some(&format!("{of}/{seq}")),
                time: -1,
                headers: &[
                    ("pizza-seq", &text(seq)),
                    ("__stage.errors.topic", chain.first().as_bytes()),
                    ("__stage.errors.partition", &text(partition as usize)),
                    ("__stage.errors.offset", &text(number)),
                    ("__stage.errors.timestamp", &text(began as usize + number)),
                    ("__stage.errors.stage", b"moody"),
                    ("__stage.errors.disposition", b"rejected"),
                    ("__stage.errors.exception.message", reason(of, seq).as_bytes()),
                ],
            },
        );
        written[of] += 1;
    }
    hand.flush();
    written
}

fn has_cheese(seen: &Seen) -> bool {
    let (order, seq) = identity(seen);
    reason(order.parse().unwrap(), seq).contains("cheese")
}

#[test]
fn replay_killed_three_times_sends_what_the_filter_lets_through_once_and_in_order() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], "");
    let total = scaled(50_000).next_multiple_of(KEYS * REASONS.len());
    let wanted = total / 5;
    let began = an_hour_ago();
    let written = many(&chain, total, began);
    let filtered = ["replay", "--stage", "moody", "--reason", "CHEESE"];

    let count = told_json(&chain, &["count", "--stage", "moody", "--reason", "cheese"]);
    assert_eq!(count[0]["count"], wanted);
    let dry = told_json(&chain, &[&filtered[..], &["--dry-run"]].concat());
    assert_eq!((&dry[0]["replayed"], &dry[0]["dry_run"]), (&wanted.into(), &true.into()));
    let mut judge = Judge::of(&chain.brokers, chain.first());
    assert_eq!(judge.look(Duration::from_secs(1)), 0, "a dry run sends nothing");

    // Slow enough that it is killed on its way.
    let rate = (wanted / 8).to_string();
    let slow = [&filtered[..], &["--rate", &rate]].concat();
    for kill in 1..=3 {
        let mut replay = Process::start(command(&chain, &slow), &chain.dir.join("replay.log"));
        until("a part of it is replayed", Duration::from_secs(60), || {
            (judge.look(Duration::from_millis(5)) >= wanted * kill / 6).then_some(())
        });
        assert!(!replay.has_ended(), "it ended before it was killed: {}", replay.log.display());
        replay.kill();
    }
    let rest = told_json(&chain, &filtered);
    let left = rest[0]["replayed"].as_u64().unwrap() as usize;
    assert!(0 < left && left <= wanted / 2, "the last run replayed {left} of {wanted}");

    let seen = judge.expect(wanted, Duration::from_secs(30));
    assert_eq!(seen.len(), wanted);
    let distinct: BTreeSet<_> = seen.iter().map(identity).collect();
    assert_eq!(distinct.len(), wanted, "each once");
    in_order("filtered", seen);
    for record in seen {
        assert!(has_cheese(record), "{record:?}");
        let (order, seq) = identity(record);
        let (order, number): (usize, _) = (order.parse().unwrap(), KEYS * seq);
        assert_eq!(record.value.as_deref(), Some(format!("{order}/{seq}").as_bytes()));
        assert_eq!(record.partition, order as i32 % PARTITIONS);
        assert_eq!(record.time, began + (number + order) as i64, "its own time");
        let names: Vec<_> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["pizza-seq", "__stage.replays"]);
        assert_eq!(record.header("__stage.replays").as_deref(), Some("1"));
    }

    // Nothing of it is left for the same filter; all the rest is, for another.
    assert_eq!(told_json(&chain, &filtered)[0]["replayed"], 0);
    assert_eq!(told_json(&chain, &["replay", "--stage", "moody"])[0]["replayed"], total - wanted);
    let seen = judge.expect(total, Duration::from_secs(30));
    assert_eq!(seen.len(), total);
    none_missing("both passes", seen, &written);
    in_order("the second pass", &seen[wanted..]);
    assert_eq!(told_json(&chain, &["list", "--stage", "moody"]).len(), 0, "all are done with");

    // Under a name of its own it all counts anew.
    let again = ["replay", "--stage", "moody", "--name", "again", "--dry-run"];
    assert_eq!(told_json(&chain, &again)[0]["replayed"], total);
}

fn letter<'l>(value: &'l str, time: i64, headers: &'l [(&'l str, &'l [u8])]) -> Letter<'l> {
    Letter { partition: 0, key: Some("k"), value: Some(value), time, headers }
}

#[test]
fn what_others_wrote_is_listed_shown_and_replayed() {
    let chain = Chain::new(&broker::shared(), &["in", "out", "strange"], &["moody"], "");
    let began = an_hour_ago();
    let (source, strange) = (chain.first().to_owned(), chain.last().to_owned());
    let hand = Hand::new(&chain.brokers);
    hand.write(
        &strange,
        &letter(
            "connect",
            began + 1,
            &[
                ("own", b"1"),
                ("__connect.errors.topic", source.as_bytes()),
                ("__connect.errors.partition", b"1"),
                ("__connect.errors.offset", b"300"),
                ("__connect.errors.connector.name", b"jdbc-sink"),
                ("__connect.errors.task.id", b"0"),
                ("__connect.errors.stage", b"VALUE_CONVERTER"),
                ("__connect.errors.class.name", b"org.apache.kafka.connect.json.JsonConverter"),
                ("__connect.errors.exception.class.name", b"org.example.DataException"),
                ("__connect.errors.exception.message", b"Converting byte[] failed"),
                ("__connect.errors.exception.stacktrace", b"org.example.DataException\n\tat here"),
            ],
        ),
    );
    hand.write(
        &strange,
        &letter(
            "streams",
            began + 2,
            &[
                ("__streams.errors.exception", b"org.example.Bad: no cheese"),
                ("__streams.errors.message", b"no cheese"),
                ("__streams.errors.stacktrace", b"org.example.Bad: no cheese\n\tat there"),
                ("__streams.errors.topic", source.as_bytes()),
                ("__streams.errors.partition", b"2"),
                ("__streams.errors.offset", b"301"),
            ],
        ),
    );
    hand.write(
        &strange,
        &letter(
            "spring",
            began + 1000,
            &[
                ("own", b"3"),
                ("kafka_dlt-original-topic", source.as_bytes()),
                ("kafka_dlt-original-partition", b"\0\0\0\x03"),
                ("kafka_dlt-original-offset", b"\0\0\0\0\0\0\x01\x2e"),
                ("kafka_dlt-original-timestamp", &(began + 3).to_be_bytes()),
                ("kafka_dlt-original-timestamp-type", b"CreateTime"),
                ("kafka_dlt-original-consumer-group", b"billing"),
                ("kafka_dlt-exception-fqcn", b"org.example.Failed"),
                ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
                ("kafka_dlt-exception-message", b"Listener failed"),
                ("kafka_dlt-exception-stacktrace", b"at everywhere"),
            ],
        ),
    );
    hand.write(&strange, &letter("nobody", began + 1001, &[("own", b"4")]));
    hand.flush();

    let at = |args: &[&str]| told(&chain, &[args, &["--topic", &strange]].concat());
    let list = at(&["list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 5, "{list}");
    let row =
        |of: &str| rows.iter().find(|row| row.contains(&of)).unwrap_or_else(|| panic!("{list}"));
    assert_eq!(row("jdbc-sink")[2], format!("{source}[1]@300"));
    assert_eq!(row("org.example.Bad")[2], format!("{source}[2]@301"));
    assert_eq!(row("org.example.Failed")[2], format!("{source}[3]@302"));
    assert_eq!(row("unknown")[2], format!("{strange}[0]@3"));

    // By where it lies, and by where it came from, in either spelling.
    for (place, says) in [
        (format!("{strange}-0-0"), ["jdbc-sink", "Converting byte[] failed", "own = 1", "connect"]),
        (format!("{source}[2]@301"), ["org.example.Bad", "no cheese", "at there", "streams"]),
        (format!("{source}-3-302"), ["billing", "Listener failed", "at everywhere", "spring"]),
    ] {
        let shown = at(&["show", &place]);
        for word in says {
            assert!(shown.contains(word), "{word:?} is not in {shown}");
        }
    }
    let (code, said) = refused(&chain, &["show", &format!("{source}-3-9"), "--topic", &strange]);
    assert!(
        code == Some(1) && said.contains("no dead letter") && said.contains("list --all"),
        "{said}"
    );

    let replayed = at(&["replay"]);
    assert!(
        replayed.contains("replayed 3") && replayed.contains("left 1: they do not say"),
        "{replayed}"
    );
    let mut judge = Judge::of(&chain.brokers, &source);
    let seen = judge.expect(3, Duration::from_secs(20));
    for (value, partition, own) in
        [("connect", 1, Some("1")), ("streams", 2, None), ("spring", 3, Some("3"))]
    {
        let record = seen.iter().find(|s| s.value.as_deref() == Some(value.as_bytes())).unwrap();
        assert_eq!((record.partition, record.time), (partition, began + i64::from(partition)));
        assert_eq!(record.header("own").as_deref(), own);
        let replays = ("__stage.replays".to_owned(), Some(b"1".to_vec()));
        assert_eq!(record.headers.len(), 1 + usize::from(own.is_some()), "{:?}", record.headers);
        assert_eq!(record.headers.last(), Some(&replays));
    }
    let elsewhere = at(&["replay", "--to-topic", &chain.topics[1]]);
    assert!(elsewhere.contains("replayed 1 to"), "{elsewhere}");
    let (code, said) = refused(&chain, &["replay", "--topic", &strange, "--to-topic", &strange]);
    assert!(code == Some(2) && said.contains("dead-letter topic itself"), "{said}");
}

#[test]
fn a_replay_never_goes_round_in_circles() {
    let dialects = "dialects = [\"connect\", \"streams\", \"spring\", \"scs\"]";
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], dialects);
    let mut stage = chain.start_program(example("moody"), "moody", 0);
    let orders = Orders::new(&chain.brokers, chain.first(), 1);
    orders.send(Some(b"k"), Some(b"reject"), OwnedHeaders::new());
    orders.flush();
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    let mut input = Judge::of(&chain.brokers, chain.first());
    let letters = |dead: &Judge| -> Vec<Seen> {
        dead.seen
            .iter()
            .filter(|seen| seen.header("__stage.errors.done").is_none())
            .cloned()
            .collect()
    };
    for death in 1..=4 {
        until("it dies", Duration::from_secs(20), || {
            dead.look(Duration::from_millis(50));
            (letters(&dead).len() == death).then_some(())
        });
        let letter = letters(&dead).pop().unwrap();
        let count = |prefix: &str| {
            letter.headers.iter().filter(|(name, _)| name.starts_with(prefix)).count()
        };
        let dialects = ["__connect.errors.", "__streams.errors.", "kafka_dlt-", "x-"].map(count);
        assert_eq!(dialects, [10, 6, 10, 8], "{:?}", letter.headers);
        // The last may not go again, and says so.
        let said = told_json(&chain, &["replay"]).remove(0);
        let replays = if death == 4 { 0 } else { 1 };
        assert_eq!(said["replayed"], replays, "{said}");
        if death == 4 {
            assert_eq!(said["skipped"][0]["count"], 1, "{said}");
            assert!(
                said["skipped"][0]["why"].as_str().unwrap().contains("--max-replays"),
                "{said}"
            );
        } else {
            let seen = input.expect(death + 1, Duration::from_secs(20)).last().unwrap();
            let replays = ("__stage.replays".to_owned(), Some(death.to_string().into_bytes()));
            assert_eq!(seen.headers, [replays], "what the death added is gone");
        }
    }
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

#[test]
fn a_mark_behind_an_open_transaction_is_not_missed() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], "");
    let dlq = chain.dead_letters(0);
    let hand = Hand::new(&chain.brokers);
    let origin = chain.first().as_bytes();
    let headers: [(&str, &[u8]); 2] =
        [("__stage.errors.topic", origin), ("__stage.errors.partition", b"0")];
    for value in ["a", "b", "c"] {
        hand.write(&dlq, &letter(value, an_hour_ago(), &headers));
    }
    hand.flush();
    let mut judge = Judge::of(&chain.brokers, chain.first());
    let log = chain.dir.join("replay.log");
    let mut arrived = |count: usize| {
        until("a record is replayed", Duration::from_secs(30), || {
            (judge.look(Duration::from_millis(5)) >= count).then_some(())
        });
    };
    // A record a second, a transaction each; while it goes on, somebody else begins to write there.
    let slow = ["replay", "--stage", "moody", "--rate", "1"];
    let mut replay = Process::start(command(&chain, &slow), &log);
    arrived(1);
    let other = open_transaction(&chain, &dlq);
    arrived(2);
    assert!(!replay.has_ended(), "it ended before it was killed: {}", log.display());
    replay.kill();

    let mut replay = Process::start(command(&chain, &["replay", "--stage", "moody"]), &log);
    until("it says what it waits for", Duration::from_secs(30), || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("waiting for a transaction").then_some(())
    });
    other.commit_transaction(Duration::from_secs(10)).unwrap();
    assert!(replay.end(Duration::from_secs(30)).success(), "{}", log.display());
    // What the other wrote does not say where it came from, and stays.
    let seen = judge.expect(3, Duration::from_secs(10));
    let values: Vec<_> = seen.iter().filter_map(|seen| seen.value.as_deref()).collect();
    assert_eq!(values, [b"a", b"b", b"c"], "each once");
}

/// Two at once: the later one goes on, the earlier one ends and says why, and nothing goes twice.
#[test]
fn a_second_replay_takes_over() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], "");
    let written = many(&chain, 200, an_hour_ago());
    let mut judge = Judge::of(&chain.brokers, chain.first());
    let log = chain.dir.join("first.log");
    let slow = ["replay", "--stage", "moody", "--rate", "10"];
    let mut first = Process::start(command(&chain, &slow), &log);
    until("it has begun", Duration::from_secs(30), || {
        (judge.look(Duration::from_millis(5)) > 0).then_some(())
    });
    let second = told_json(&chain, &["replay", "--stage", "moody"]).remove(0);
    let ended = first.end(Duration::from_secs(30));
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("another replay has taken over"), "{said}");
    let replayed = second["replayed"].as_u64().unwrap();
    assert!((1..200).contains(&replayed), "{second}");
    let seen = judge.expect(200, Duration::from_secs(30));
    assert_eq!(seen.len(), 200, "each once");
    none_missing("both", seen, &written);
    in_order("both", seen);
}

/// What programs are given does what the command line does.
#[test]
fn a_program_replays_what_its_filter_lets_through() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], "");
    many(&chain, 50, an_hour_ago());
    let broker = stage_sdk::broker::Broker {
        servers: chain.brokers.clone(),
        ..stage_sdk::broker::Broker::default()
    };
    let map = stage_sdk::chain::Chain::read(&chain.dir.join("topics.toml")).unwrap();
    let letters = Letters::of(&map, &broker, "moody").unwrap();
    assert_eq!(letters.topic(), chain.dead_letters(0));
    let of = |stage: &str| Filter { stage: Some(stage.to_owned()), ..Filter::default() };
    assert_eq!(letters.newest(&of("other"), 10).unwrap().1, 0);
    assert_eq!(letters.replay(&of("other"), To::Source).unwrap().replayed, 0);
    let (newest, count) = letters.newest(&of("moody"), 10).unwrap();
    assert_eq!((newest.len(), count), (10, 50));
    let done = letters.replay(&of("moody"), To::Source).unwrap();
    assert_eq!((done.replayed, done.left.len()), (50, 0));
    assert_eq!(Judge::of(&chain.brokers, chain.first()).expect(50, LIMIT).len(), 50);
    assert_eq!(letters.newest(&Filter::default(), 10).unwrap().1, 0);
    assert_eq!(letters.replay(&Filter::default(), To::Source).unwrap().replayed, 0, "each once");
}

/// Somebody else's transaction, with a record in the first partition of this topic.
fn open_transaction(chain: &Chain, topic: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &chain.brokers);
    let producer: BaseProducer = config.set("transactional.id", &chain.name).create().unwrap();
    producer.init_transactions(Duration::from_secs(10)).unwrap();
    producer.begin_transaction().unwrap();
    let record = BaseRecord::to(topic).partition(0).key("somebody").payload("else");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    producer
}

#[test]
fn dropped_letters_are_gone_and_the_others_stay() {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["moody"], "");
    let total = KEYS * REASONS.len();
    many(&chain, total, an_hour_ago());
    let count = |args: &[&str]| -> u64 {
        let lines = told_json(&chain, &[&["count"][..], args].concat());
        lines.iter().map(|line| line["count"].as_u64().unwrap()).sum()
    };
    let (code, said) = refused(&chain, &["drop", "--reason", "cheese"]);
    assert!(code == Some(2) && said.contains("--yes"), "{said}");
    assert_eq!(count(&[]), total as u64);

    let fifth = total as u64 / 5;
    let dropped = told_json(&chain, &["drop", "--reason", "cheese", "--yes"]).remove(0);
    assert_eq!(dropped["count"], fifth);
    assert_eq!((count(&[]), count(&["--reason", "cheese"])), (total as u64 - fifth, 0));
    assert!(count(&["--all", "--reason", "cheese"]) > 0, "those in the middle are marked only");
    let replay = ["replay", "--stage", "moody", "--reason", "cheese", "--name", "n", "--dry-run"];
    assert_eq!(told_json(&chain, &replay)[0]["replayed"], 0, "gone for every name");

    // What lies before the first open one is deleted from the topic.
    let key_0 = key(0);
    let ends = |args: &[&str]| told_json(&chain, args);
    let first = ends(&["list", "--all", "--limit", "0", "--key", &key_0]);
    let offset = first[1]["offset"].as_i64().unwrap();
    let partition = format!("0:..{offset}");
    let dropped = told_json(&chain, &["drop", "--offsets", &partition, "--yes"]).remove(0);
    assert!(dropped["offsets_freed"].as_i64().unwrap() > 0, "{dropped}");
    let mut judge = Judge::of(&chain.brokers, &chain.dead_letters(0));
    judge.look(Duration::from_secs(2));
    let in_0 = judge.seen.iter().filter(|seen| seen.partition == 0);
    assert!(in_0.map(|seen| seen.offset).min().unwrap() > offset, "its bytes are gone");
    let others = |seen: &&Seen| seen.partition != 0 && seen.header("__stage.errors.done").is_none();
    let kept = judge.seen.iter().filter(others).count();
    assert!(kept * PARTITIONS as usize > total, "other partitions keep theirs: {kept}");
}
