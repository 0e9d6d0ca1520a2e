//! What an operator decides of a key while its stage runs is done once, whoever owns the key.

use super::lane::parked;
use crate::rig::chain::{Chain, PARTITIONS, reader};
use crate::rig::judge::{Judge, Seen, counted, identity, in_order};
use crate::rig::moods;
use crate::rig::orders::{Orders, key, value};
use crate::rig::process::{Process, example, program};
use crate::rig::{broker, scaled, until};
use rdkafka::consumer::Consumer;
use rdkafka::message::{Header, OwnedHeaders};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

/// Who fails waits for an hour, and who fails twice is held: nothing goes on by itself.
const SLOW: &str =
    r#"retry = { policy = "ordered", attempts = 2, backoff = "1h..1h", in_place_for = "1ms" }"#;

const LIMIT: Duration = Duration::from_secs(30);

/// What some later version of the library may write.
const LATER: &str = "control/later";

pub(super) struct Shop {
    pub(super) chain: Chain,
    /// While it is there nothing can be done.
    pub(super) away: PathBuf,
    orders: Orders,
    /// Orders without moods of their own.
    pub(super) keys: [usize; 4],
}

impl Shop {
    pub(super) fn open() -> Shop {
        let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["flaky"], SLOW);
        let away = chain.dir.join("away");
        std::fs::write(&away, "").unwrap();
        chain.env.push(("AWAY", away.display().to_string()));
        let orders = Orders::new(&chain.brokers, chain.first(), 1);
        let healthy = |order: &usize| {
            moods::failures(*order, 0) == 0 && (0..10).all(|seq| !moods::is_hopeless(*order, seq))
        };
        let mut healthy = (1000..).filter(healthy);
        let keys = std::array::from_fn(|_| healthy.next().unwrap());
        Shop { chain, away, orders, keys }
    }

    pub(super) fn start(&self) -> Process {
        self.chain.start_program(example("flaky"), "flaky", 0)
    }

    /// Writes records of a key, as many, from this number on.
    pub(super) fn write(&self, order: usize, seqs: std::ops::Range<usize>, more: &str) {
        for seq in seqs {
            let seq = seq.to_string();
            let headers =
                OwnedHeaders::new().insert(Header { key: "pizza-seq", value: Some(&seq) });
            let value = value(order) + more;
            self.orders.send(Some(key(order).as_bytes()), Some(value.as_bytes()), headers);
        }
        self.orders.flush();
    }

    pub(super) fn until_parked(&self, count: usize) {
        let ours = |name: &&String| *name != LATER;
        let waiting = || parked(&self.chain).keys().filter(ours).count();
        until("they wait", LIMIT, || (waiting() == count).then_some(()));
    }

    pub(super) fn out(&self) -> Judge {
        Judge::of(&self.chain.brokers, self.chain.last())
    }

    pub(super) fn letters(&self) -> Judge {
        Judge::of(&self.chain.brokers, &self.chain.dead_letters(0))
    }

    /// How far the dead letters reach that are committed.
    fn letters_end(&self) -> i64 {
        let reader = reader(&self.chain.brokers, "judge");
        let topic = self.chain.dead_letters(0);
        let end = |partition| reader.fetch_watermarks(&topic, partition, LIMIT).unwrap().1;
        (0..PARTITIONS).map(end).sum()
    }

    /// How many commands the stage says it has read.
    fn commands_read(&self) -> usize {
        let log = std::fs::read_to_string(self.chain.dir.join("flaky-0.log")).unwrap_or_default();
        log.matches("an operator's command: ").count()
    }

    /// A command of `pizza`, or of the stage's own program.
    fn ask(&self, program: PathBuf, args: &[&str], order: usize, more: &[&str]) -> Output {
        Command::new(program)
            .arg("keys")
            .args(args)
            .arg(key(order))
            .args(more)
            .args(["--brokers", &self.chain.brokers, "--config"])
            .arg(self.chain.dir.join("topics.toml"))
            .output()
            .unwrap()
    }

    pub(super) fn pizza(&self, command: &str, order: usize) -> String {
        said(&self.ask(program("pizza"), &[command], order, &["--stage", "flaky"]))
    }

    pub(super) fn stage(&self, command: &str, order: usize, more: &[&str]) -> String {
        said(&self.ask(example("flaky"), &[command], order, more))
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    eprint!("{text}");
    text
}

/// The numbers of an order's records, as they lie there.
pub(super) fn of(order: usize, seen: &[Seen]) -> Vec<usize> {
    let all = seen.iter().map(identity);
    all.filter(|(known, _)| *known == order.to_string()).map(|(_, seq)| seq).collect()
}

fn letter(seen: &[Seen], order: usize, seq: usize) -> (String, String, String) {
    let found = seen.iter().find(|seen| identity(seen) == (order.to_string(), seq)).unwrap();
    let header = |name: &str| found.header(&format!("__stage.errors.{name}")).unwrap();
    (header("disposition"), header("exception.message"), header("attempts"))
}

#[test]
fn a_key_is_tried_skipped_and_released_while_the_stage_runs() {
    let shop = Shop::open();
    let [one, two, three, four] = shop.keys;
    let redirect = format!("{}.flaky.redirect", shop.chain.first());
    let later = Orders::new(&shop.chain.brokers, &redirect, 1);
    later.send(Some(LATER.as_bytes()), Some(br#"{"v":9}"#), OwnedHeaders::new());
    later.flush();
    let mut stage = shop.start();
    for order in [one, two, three, four] {
        shop.write(order, 0..5, "");
    }
    shop.until_parked(20);

    // It is tried at once, and then held: its attempts are used up. Once more, and again.
    for attempts in [2, 3] {
        let told = shop.pizza("retry-now", one);
        assert!(told.contains("failed, and is held again: away"), "{told}");
        let held = |note: &&String| note.contains("\"held\":true");
        let notes = parked(&shop.chain);
        let held: Vec<_> = notes.values().filter(held).collect();
        assert_eq!(held.len(), 1, "{notes:?}");
        assert!(held[0].contains(&format!("\"attempts\":{attempts}")), "{held:?}");
    }

    // The first goes, the next is tried, and waits for its hour.
    let told = shop.pizza("skip", one);
    assert!(told.contains("skipped") && told.contains("4 records of the key go on"), "{told}");
    let mut letters = shop.letters();
    letters.expect(1, LIMIT);
    assert_eq!(of(one, &letters.seen), [0]);
    let text = "an operator skipped it; its last error: away".to_owned();
    assert_eq!(letter(&letters.seen, one, 0), ("rejected".into(), text, "3".into()));

    // All of a key go, in order; what comes of it then is tried as if nothing had been.
    let told = shop.stage("release", two, &[]);
    assert!(told.contains("released 5 records") && told.contains("waits any more"), "{told}");
    letters.expect(6, LIMIT);
    assert_eq!(of(two, &letters.seen), [0, 1, 2, 3, 4]);
    let (why, text, attempts) = letter(&letters.seen, two, 0);
    assert_eq!((why.as_str(), attempts.as_str()), ("rejected", "1"));
    assert_eq!(text, "an operator released its key; its last error: away");
    let (why, text, attempts) = letter(&letters.seen, two, 4);
    assert_eq!((why.as_str(), attempts.as_str()), ("order-blocked", "0"));
    assert!(text.contains("never tried") && text.contains("waited behind"), "{text}");
    assert!(shop.pizza("release", two).contains("nothing waits of key"));
    shop.write(two, 5..6, "");
    shop.until_parked(4 + 1 + 5 + 5);

    // What can be done again is done, without its hour, and all that is behind it.
    std::fs::remove_file(&shop.away).unwrap();
    let told = shop.pizza("retry-now", three);
    assert!(told.contains("it waits no more"), "{told}");
    let json = shop.stage("retry-now", one, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["done"], &json["records"], &json["key"]),
        (&true.into(), &1.into(), &key(one).into())
    );
    shop.stage("retry-now", two, &[]);
    let mut out = shop.out();
    out.expect(4 + 5 + 1, LIMIT);
    assert_eq!(of(one, &out.seen), [1, 2, 3, 4]);
    assert_eq!(of(two, &out.seen), [5]);
    assert_eq!(of(three, &out.seen), [0, 1, 2, 3, 4]);

    // Its first record is as good a name as the key.
    let place = said(&shop.ask(program("pizza"), &["show"], four, &["--stage", "flaky"]));
    let place = place.lines().nth(1).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let told = Command::new(program("pizza"))
        .args(["keys", "release", &place, "--brokers", &shop.chain.brokers, "--config"])
        .arg(shop.chain.dir.join("topics.toml"))
        .output()
        .unwrap();
    assert!(said(&told).contains("released 5 records"));
    letters.expect(11, LIMIT);
    assert_eq!(of(four, &letters.seen), [0, 1, 2, 3, 4]);
    shop.until_parked(0);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    let left = (out.look(Duration::from_secs(1)), letters.look(Duration::from_secs(1)));
    assert_eq!(left, (10, 11), "something is there twice");
    // What is not known is said, and left to who knows it.
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert_eq!(log.matches("left alone").count(), 1, "{log}");
    assert!(parked(&shop.chain).contains_key(LATER));
}

#[test]
fn a_decision_outlives_kill_9() {
    let records = scaled(12_000).max(4_000);
    let shop = Shop::open();
    let [one, two, three, _] = shop.keys;
    let mut stage = shop.start();
    // So large that all of them do not fit into a window.
    shop.write(one, 0..records, &" ".repeat(4000));
    shop.write(two, 0..5, "");
    shop.write(three, 0..5, "");
    shop.until_parked(records + 10);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());

    // Nobody is there to act on it: that is said, and the command stays.
    let asked = shop.ask(example("flaky"), &["skip"], two, &["--wait", "1"]);
    let text = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(1), "{text}");
    assert!(text.contains("running?") && text.contains("command stays"), "{text}");
    assert!(shop.stage("release", one, &["--wait", "0"]).contains("asked for"));
    shop.stage("retry-now", three, &["--wait", "0"]);
    std::fs::remove_file(&shop.away).unwrap();
    assert_eq!(parked(&shop.chain).len(), records + 10 + 3, "with the commands");

    let mut letters = shop.letters();
    // Once before anything can have come of it, then when something has.
    for kill in 1..=3 {
        let (told, before) = (shop.commands_read(), shop.letters_end());
        let mut stage = shop.start();
        until("it is at work", LIMIT, || {
            let read = kill == 1 && shop.commands_read() > told;
            let all = letters.seen.len() > records;
            (read || all || shop.letters_end() > before).then_some(())
        });
        stage.kill();
        // Its transaction ends by its time limit.
        letters.look(Duration::from_secs(6));
        eprintln!("kill {kill} after {} letters", letters.seen.len());
        assert!(kill > 1 || letters.seen.len() < records, "it was done before it was killed");
    }
    let mut stage = shop.start();
    letters.expect(records + 1, Duration::from_secs(60));
    shop.until_parked(0);
    let mut out = shop.out();
    out.expect(4 + 5, LIMIT);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    assert_eq!((of(two, &letters.seen), of(two, &out.seen)), (vec![0], vec![1, 2, 3, 4]));
    assert_eq!(of(three, &out.seen), [0, 1, 2, 3, 4]);
    in_order("the dead letters", &letters.seen);
    assert_eq!(of(one, &letters.seen), (0..records).collect::<Vec<_>>(), "each once, in order");
    assert!(counted(&letters.seen).values().all(|count| *count == 1));
    assert_eq!((out.seen.len(), letters.seen.len()), (9, records + 1));
    assert!(parked(&shop.chain).is_empty(), "something is left over");
}
