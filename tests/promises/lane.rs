//! A key whose records fail waits, in order, and holds up nobody else.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, Seen, counted, identity, in_order};
use crate::rig::moods;
use crate::rig::orders::Orders;
use crate::rig::process::{Process, example, program};
use crate::rig::{broker, scaled, seed, until};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const KEYS: usize = 500;
const PACE: usize = 1000;

const ORDERED: &str = r#"retry = { policy = "ordered", attempts = 20, backoff = "50ms..400ms", in_place_for = "40ms" }"#;

fn flaky(more: &str) -> Chain {
    Chain::new(&broker::shared(), &["in", "out"], &["flaky"], more)
}

fn start(chain: &Chain, instance: usize) -> Process {
    if !chain.commanded {
        return chain.start_program(example("flaky"), "flaky", instance);
    }
    let mut command = Command::new(program("pizza"));
    command.arg("run");
    chain.start_command(command, "flaky", instance)
}

fn load(chain: &Chain, count: usize) -> JoinHandle<Vec<usize>> {
    let mut orders = Orders::new(&chain.brokers, chain.first(), KEYS);
    std::thread::spawn(move || {
        orders.pace(count, PACE, |_| {});
        orders.written
    })
}

/// What is parked of a stage's records: the last note of each, by name.
pub(super) fn parked(chain: &Chain) -> HashMap<String, String> {
    let mut redirect = Judge::of(&chain.brokers, &format!("{}.flaky.redirect", chain.first()));
    redirect.look(Duration::from_secs(1));
    let mut notes = HashMap::new();
    for note in redirect.seen {
        let text = |bytes: Option<Vec<u8>>| bytes.map(|b| String::from_utf8(b).unwrap());
        match (text(note.key).unwrap(), text(note.value)) {
            (name, Some(note)) => notes.insert(name, note),
            (name, None) => notes.remove(&name),
        };
    }
    notes
}

/// As [`complete`], and in order.
fn judge(chain: &Chain, stages: Vec<Process>, written: &[usize]) -> Vec<Seen> {
    let out = complete(chain, stages, written);
    in_order("the output", &out);
    out
}

/// Waits for everything, stops the stages and judges: in the output all that has hope, once; in the dead
/// letters the rest, once; nothing is parked any more.
fn complete(chain: &Chain, stages: Vec<Process>, written: &[usize]) -> Vec<Seen> {
    let pizzas =
        || written.iter().enumerate().flat_map(|(o, count)| (0..*count).map(move |s| (o, s)));
    let (hopeless, good): (Vec<_>, Vec<_>) =
        pizzas().partition(|(o, s)| moods::is_hopeless(*o, *s));
    let mut out = Judge::of(&chain.brokers, chain.last());
    out.expect(good.len(), Duration::from_secs(120));
    for mut stage in stages {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
    out.look(Duration::from_secs(1));
    let counts = counted(&out.seen);
    for (order, seq) in &good {
        let count = counts.get(&(order.to_string(), *seq)).copied().unwrap_or_default();
        assert_eq!(count, 1, "order {order} pizza {seq}");
    }
    assert_eq!(out.seen.len(), good.len(), "something is left over");
    let mut dead = Judge::of(&chain.brokers, &chain.dead_letters(0));
    dead.expect(hopeless.len(), Duration::from_secs(20));
    let counts = counted(&dead.seen);
    for (order, seq) in &hopeless {
        let count = counts.get(&(order.to_string(), *seq)).copied().unwrap_or_default();
        assert_eq!(count, 1, "dead letter of order {order} pizza {seq}");
    }
    assert_eq!(dead.seen.len(), hopeless.len(), "a healthy one is in the dead letters");
    let left = parked(chain);
    assert!(left.is_empty(), "{} are parked still, such as {:?}", left.len(), left.iter().next());
    out.seen
}

/// Three instances, of which every two seconds one is killed, and others leave and join; gives what was
/// written.
fn through_kills(chain: &Chain) -> (Vec<Process>, Vec<usize>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let mut stages: Vec<Process> = (0..3).map(|instance| start(chain, instance)).collect();
    let writer = load(chain, scaled(20_000).max(8_000));
    let (mut kills, mut leaves) = (0, 0);
    let mut since = Instant::now();
    while !writer.is_finished() {
        std::thread::sleep(Duration::from_millis(rng.random_range(300..900)));
        let at = rng.random_range(0..3);
        if since.elapsed() > Duration::from_secs(2) {
            since = Instant::now();
            stages[at].kill();
            kills += 1;
        } else {
            let stopped = stages[at].stop(Duration::from_secs(10));
            assert!(stopped.success(), "{}", stages[at].log.display());
            leaves += 1;
        }
        stages[at] = start(chain, at);
    }
    eprintln!("{kills} kills, {leaves} leaves and joins");
    assert!(kills >= 2 && leaves >= 2, "the input ended too early");
    (stages, writer.join().unwrap())
}

#[test]
fn order_is_kept_while_keys_wait_through_kills_joins_and_leaves() {
    let chain = flaky(ORDERED);
    let (stages, written) = through_kills(&chain);
    judge(&chain, stages, &written);
}

#[test]
fn and_with_async_handlers() {
    let mut chain = flaky(ORDERED);
    chain.env.push(("SLOWLY", "1".into()));
    let (stages, written) = through_kills(&chain);
    judge(&chain, stages, &written);
}

#[test]
fn and_in_a_program_of_any_language_which_ends_now_and_then() {
    let command = format!("{ORDERED}\ncommand = [{:?}]", example("answers"));
    let mut chain = flaky(&command);
    chain.commanded = true;
    let (stages, written) = through_kills(&chain);
    let ended = |stage: &Process| {
        let log = std::fs::read_to_string(&stage.log).unwrap();
        log.matches("ended (exit status: 3) before it had answered; it is started again").count()
    };
    let ended: usize = stages.iter().map(ended).sum();
    assert!(ended > 5, "the program ended only {ended} times");
    judge(&chain, stages, &written);
}

#[test]
fn and_in_batches() {
    let mut chain = flaky(ORDERED);
    chain.env.push(("TOGETHER", "1".into()));
    let (stages, written) = through_kills(&chain);
    judge(&chain, stages, &written);
}

#[test]
fn where_order_is_given_up_what_follows_passes_by() {
    let chain = flaky(&ORDERED.replace("ordered", "retry-topic"));
    let (stages, written) = through_kills(&chain);
    let out = complete(&chain, stages, &written);
    let mut last: HashMap<String, usize> = HashMap::new();
    let late = out.iter().map(identity).filter(|(order, seq)| {
        let last = last.entry(order.clone()).or_default();
        let late = seq < last;
        *last = (*seq).max(*last);
        late
    });
    assert!(late.count() > 10, "the next of a key waited for the one before");
}

#[test]
fn what_waited_comes_out_as_if_nothing_had_been() {
    let chain = flaky(ORDERED);
    let stages = vec![start(&chain, 0)];
    let written = load(&chain, 5_000).join().unwrap();
    let out = judge(&chain, stages, &written);
    let mut input = Judge::of(&chain.brokers, chain.first());
    input.expect(written.iter().sum(), Duration::from_secs(20));
    let source: HashMap<_, _> = input.seen.iter().map(|seen| (identity(seen), seen)).collect();
    let mut retried = 0;
    for seen in &out {
        let (order, seq) = identity(seen);
        let source = source[&(order.clone(), seq)];
        retried += usize::from(moods::failures(order.parse().unwrap(), seq) > 0);
        assert_eq!(seen.headers, source.headers, "{order}/{seq}");
        assert_eq!((&seen.key, &seen.value, seen.time), (&source.key, &source.value, source.time));
    }
    assert!(retried > 10, "only {retried} were retried");
}

#[test]
fn a_key_without_hope_is_held_and_the_others_go_on() {
    let mut chain = flaky(
        r#"retry = { policy = "ordered", attempts = 5, backoff = "20ms..40ms", in_place_for = "10ms" }"#,
    );
    let away = chain.dir.join("away");
    std::fs::write(&away, "").unwrap();
    chain.env.push(("AWAY", away.display().to_string()));
    let mut stage = start(&chain, 0);
    let mut orders = Orders::new(&chain.brokers, chain.first(), 10);
    orders.write(200);
    orders.flush();
    let good = |o: usize| (0..20).filter(|s| !moods::is_hopeless(o, *s)).count();
    let others: usize = (0..10).filter(|order| *order != 7).map(good).sum();
    let mut out = Judge::of(&chain.brokers, chain.last());
    out.expect(others, Duration::from_secs(30));
    assert!(out.seen.iter().all(|seen| identity(seen).0 != "7"), "the key was not held");
    let held = |note: &String| note.contains("\"held\":true");
    until("the key is held", Duration::from_secs(20), || {
        let notes = parked(&chain);
        (notes.len() == 20 && notes.values().filter(|note| held(note)).count() == 1).then_some(())
    });
    let list = keys(&chain, &["list"]);
    let line = list.lines().find(|line| line.contains("\"7\"")).expect("the key is listed");
    assert!(line.contains("held") && line.contains(" 20 ") && line.contains("away"), "{list}");
    let show = keys(&chain, &["show", "\"7\""]);
    assert_eq!(show.lines().filter(|line| line.contains("behind")).count(), 19, "{show}");
    let json = keys(&chain, &["list", "--json"]);
    assert!(json.lines().any(|line| line.contains("\"held\":true")), "{json}");
    // It stays so through a restart, also when it could go on: somebody has to decide.
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    std::fs::remove_file(away).unwrap();
    let mut stage = start(&chain, 0);
    let before = orders.total();
    orders.write(100);
    orders.flush();
    let more: usize = (0..10)
        .filter(|order| *order != 7)
        .map(|o| (20..30).filter(|s| !moods::is_hopeless(o, *s)).count())
        .sum();
    out.expect(others + more, Duration::from_secs(30));
    assert!(orders.total() > before && out.seen.iter().all(|seen| identity(seen).0 != "7"));
    assert_eq!(parked(&chain).len(), 30, "what follows of the key waits too");
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    let map = nothing_leaves_them_behind(&mut chain);
    // Somebody decides: what cannot be done may be given up; but now it can.
    let decided =
        map.replace("policy = \"ordered\"", "policy = \"ordered\", exhausted = \"dead-letter\"");
    std::fs::write(chain.dir.join("topics.toml"), decided).unwrap();
    let mut stage = start(&chain, 0);
    let all: usize = (0..10).map(|o| (0..30).filter(|s| !moods::is_hopeless(o, *s)).count()).sum();
    out.expect(all, Duration::from_secs(30));
    in_order("the output", &out.seen);
    until("nothing is parked", Duration::from_secs(10), || parked(&chain).is_empty().then_some(()));
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

/// What `pizza keys` says.
fn keys(chain: &Chain, args: &[&str]) -> String {
    let told = Command::new(program("pizza"))
        .arg("keys")
        .args(args)
        .args(["--brokers", &chain.brokers, "--config"])
        .arg(chain.dir.join("topics.toml"))
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

/// A policy that parks nothing, and more partitions for the input, are refused while records wait; and
/// delivery without transactions always.
fn nothing_leaves_them_behind(chain: &mut Chain) -> String {
    let map = chain.dir.join("topics.toml");
    let written = std::fs::read_to_string(&map).unwrap();
    std::fs::write(&map, written.replace("\"ordered\"", "\"in-place\"")).unwrap();
    let mut stage = start(chain, 0);
    until("the stage refuses to start", Duration::from_secs(20), || {
        stage.has_ended().then_some(())
    });
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(log.contains("30 records waiting") && log.contains("\"ordered\""), "{log}");
    std::fs::write(&map, &written).unwrap();
    chain.flags = vec!["--delivery".into(), "at-least-once".into()];
    let mut stage = start(chain, 0);
    chain.flags.clear();
    until("the stage refuses to start", Duration::from_secs(20), || {
        stage.has_ended().then_some(())
    });
    let log = std::fs::read_to_string(&stage.log).unwrap();
    assert!(log.contains("needs transactions") && log.contains("exactly-once"), "{log}");
    std::fs::write(&map, written.replace("partitions = 4", "partitions = 5")).unwrap();
    let plan = Command::new(program("pizza"))
        .args(["topics", "plan", "--brokers", &chain.brokers, "--config"])
        .arg(&map)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(!plan.status.success() && text.contains("30 records waiting"), "{text}");
    written
}
