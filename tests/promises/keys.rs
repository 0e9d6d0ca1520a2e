//! Async handlers run side by side; a key's records stay in line, and none is handled twice.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, counted, exactly_once, identity};
use crate::rig::load::Load;
use crate::rig::orders::{Orders, key};
use crate::rig::process::{Process, example};
use crate::rig::runs::{self, Run};
use crate::rig::{broker, scaled, seed, until};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records a second; a handler takes 25 ms in the mean, so that about this many / 40 run at once.
const PACE: usize = 1000;

fn dawdling() -> Chain {
    let mut chain =
        Chain::new(&broker::shared(), &["in", "out"], &["dawdle"], "max_in_flight = 256");
    chain.env = vec![(runs::VARIABLE, chain.dir.join("runs").display().to_string())];
    chain
}

/// The same in batches.
fn together() -> Chain {
    let mut chain = dawdling();
    chain.env.push(("TOGETHER", "1".into()));
    chain
}

fn dawdle(chain: &Chain, instance: usize) -> Process {
    chain.start_program(example("dawdle"), "dawdle", instance)
}

/// Writes on a thread of its own; it gives what it wrote of each order.
fn load(chain: &Chain, keys: usize, count: usize, pace: usize) -> JoinHandle<Vec<usize>> {
    let mut orders = Orders::new(&chain.brokers, chain.first(), keys);
    std::thread::spawn(move || {
        orders.pace(count, pace, |_| {});
        orders.written
    })
}

/// Waits for everything, stops the stage and judges; gives the handlers' runs.
fn judged(chain: &Chain, stages: Vec<Process>, written: &[usize]) -> Vec<Run> {
    let mut judge = Judge::of(&chain.brokers, chain.last());
    judge.expect(written.iter().sum(), Duration::from_secs(60));
    for mut stage in stages {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
    judge.look(Duration::from_secs(1));
    exactly_once(chain.last(), &judge.seen, written);
    let runs = runs::read(&chain.dir.join("runs"));
    assert!(runs.iter().all(|run| run.attempt == 1), "a handler that never fails had a retry");
    runs
}

/// The runs of each record that was handled more than once, oldest first.
fn repeated(runs: &[Run]) -> Vec<Vec<&Run>> {
    let mut all: HashMap<(i32, i64), Vec<&Run>> = HashMap::new();
    for run in runs {
        all.entry((run.partition, run.offset)).or_default().push(run);
    }
    all.into_values().filter(|runs| runs.len() > 1).collect()
}

/// A record may be handled again only by another process: the first one was killed, or its
/// partition moved.
fn no_process_repeats(runs: &[Run]) {
    let repeated = repeated(runs);
    eprintln!("{} of {} runs were repeated", repeated.len(), runs.len());
    let same = |runs: &&Vec<&Run>| runs.windows(2).any(|two| two[0].process == two[1].process);
    let wrong: Vec<_> = repeated.iter().filter(same).collect();
    assert!(
        wrong.is_empty(),
        "{} handled twice by one process, such as {:?}",
        wrong.len(),
        wrong[0]
    );
}

#[test]
fn order_per_key_through_kills_joins_and_leaves() {
    through_kills_joins_and_leaves(&dawdling());
}

#[test]
fn and_in_batches() {
    through_kills_joins_and_leaves(&together());
}

fn through_kills_joins_and_leaves(chain: &Chain) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let mut stages = vec![dawdle(chain, 0), dawdle(chain, 1)];
    let count = scaled(20_000).max(10_000);
    let writer = load(chain, 100, count, PACE);
    let (mut kills, mut leaves, mut killed) = (0, 0, Vec::new());
    let mut pause = || std::thread::sleep(Duration::from_millis(rng.random_range(200..800)));
    while !writer.is_finished() {
        pause();
        let at = kills % 2;
        // A kill that finds no handler at work proves nothing.
        let id = stages[at].id();
        until("the instance is at work", Duration::from_secs(20), || {
            let runs = runs::read(&chain.dir.join("runs"));
            let at_work = runs.iter().rev().take(10).any(|run| run.process == id);
            (at_work || writer.is_finished()).then_some(())
        });
        stages[at].kill();
        killed.push(id);
        stages[at] = dawdle(chain, at);
        kills += 1;
        pause();
        if stages.len() == 2 {
            stages.push(dawdle(chain, 2));
        } else {
            let mut third = stages.pop().unwrap();
            assert!(third.stop(Duration::from_secs(10)).success(), "{}", third.log.display());
            leaves += 1;
        }
    }
    eprintln!("{kills} kills, {leaves} joins and leaves");
    assert!(kills >= 3 && leaves >= 1, "the input ended too early");
    let runs = judged(chain, stages, &writer.join().unwrap());
    no_process_repeats(&runs);
    // What a killed process had begun and not committed is done by another.
    let repeated = repeated(&runs);
    assert!(!repeated.is_empty(), "no kill found a handler at work");
    let alive = |runs: &&Vec<&Run>| !killed.contains(&runs[0].process);
    eprintln!("{} of them without a kill", repeated.iter().filter(alive).count());
}

#[test]
fn joins_and_leaves_repeat_no_handler() {
    no_repeat_through_joins_and_leaves(&dawdling());
}

#[test]
fn nor_in_batches() {
    no_repeat_through_joins_and_leaves(&together());
}

fn no_repeat_through_joins_and_leaves(chain: &Chain) {
    let stages = vec![dawdle(chain, 0)];
    let writer = load(chain, 100, scaled(20_000).max(6_000), PACE);
    let mut moves = 0;
    while !writer.is_finished() {
        let mut second = dawdle(chain, 1);
        let had = || runs::read(&chain.dir.join("runs"));
        until("the second instance handles records", Duration::from_secs(10), || {
            let working = had().iter().any(|run| run.process == second.id());
            (working || writer.is_finished()).then_some(())
        });
        assert!(second.stop(Duration::from_secs(10)).success(), "{}", second.log.display());
        moves += 1;
    }
    eprintln!("{moves} joins and leaves");
    assert!(moves >= 2, "the input ended too early");
    let runs = judged(chain, stages, &writer.join().unwrap());
    let processes: Vec<u32> = runs.iter().map(|run| run.process).collect();
    assert!(processes.iter().any(|process| *process != processes[0]), "nothing ever moved");
    // Nobody died: whoever gave a partition back had finished and committed what ran on it.
    let repeated = repeated(&runs);
    assert!(repeated.is_empty(), "{} handled twice, such as {:?}", repeated.len(), repeated[0]);
}

/// Runs one stage under load and freezes it for so long, again and again, until that has hit a
/// transaction with outputs often enough; gives the handlers' runs.
fn frozen(chain: &Chain, freeze: Duration) -> Vec<Run> {
    let stage = dawdle(chain, 0);
    let load = Load::start(&chain.brokers, chain.first(), PACE);
    let mut all = Judge::of_aborted_too(&chain.brokers, chain.last());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let (wanted, started) = (scaled(8).max(3), Instant::now());
    let (mut freezes, mut hits, mut left) = (0, 0, 0);
    while hits < wanted {
        assert!(started.elapsed() < Duration::from_secs(300), "{hits} of {freezes} freezes hit");
        let before = all.look(Duration::from_millis(rng.random_range(200..800)));
        stage.signal("-STOP");
        std::thread::sleep(freeze);
        stage.signal("-CONT");
        freezes += 1;
        // What went again after an abort is there twice.
        until("the stage goes on", Duration::from_secs(30), || {
            (all.look(Duration::from_millis(100)) > before + PACE / 2).then_some(())
        });
        let twice = all.seen.len() - counted(&all.seen).len();
        hits += usize::from(twice > left);
        left = twice;
    }
    eprintln!("{freezes} freezes, {hits} aborted a transaction; they left {left} records");
    judged(chain, vec![stage], &load.end())
}

/// A stage that stands still for longer than its transaction may last finds it aborted; it keeps
/// its partitions, since its session lasts longer.
#[test]
fn aborts_repeat_no_handler() {
    let mut chain = dawdling();
    chain.flags = vec!["-X".into(), "transaction.timeout.ms=1000".into()];
    let runs = frozen(&chain, Duration::from_millis(2_800));
    let repeated = repeated(&runs);
    assert!(repeated.is_empty(), "{} handled twice, such as {:?}", repeated.len(), repeated[0]);
}

/// One that stands still for longer than its session finds its partitions lost as well; it has
/// them again at once, and goes on.
#[test]
fn a_lost_session_costs_nothing() {
    let mut chain = dawdling();
    chain.flags = vec!["-X".into(), "transaction.timeout.ms=1000".into()];
    let runs = frozen(&chain, Duration::from_millis(7_500));
    eprintln!("{} of {} runs were repeated", repeated(&runs).len(), runs.len());
}

#[test]
fn a_key_that_hangs_holds_up_no_other() {
    const KEYS: usize = 1000;
    const RATE: usize = 2000;
    const HANGING: usize = 7;
    /// The hanging pizza's number; five seconds have passed then.
    const SEQ: usize = 10;
    let hang = Duration::from_secs(scaled(20).max(5) as u64);
    let mut chain = dawdling();
    chain.env.push(("HANG", format!("{}:{SEQ}:{}", key(HANGING), hang.as_millis())));
    let stages = vec![dawdle(&chain, 0)];
    let writer = load(&chain, KEYS, RATE * (hang.as_secs() as usize + 8), RATE);
    let mut judge = Judge::of(&chain.brokers, chain.last());
    let hanging = |run: &Run| run.key == key(HANGING);
    until("the record that hangs has begun", Duration::from_secs(20), || {
        judge.look(Duration::ZERO);
        let runs = runs::read(&chain.dir.join("runs"));
        (runs.iter().filter(|run| hanging(run)).count() > SEQ).then_some(())
    });
    // What is on its way while the hang begins and ends is left out on both sides.
    let (began, before) = (Instant::now(), judge.look(Duration::from_millis(100)));
    let counted = Instant::now();
    judge.look((hang - Duration::from_secs(1)).saturating_sub(began.elapsed()));
    let (during, time) = (judge.seen.len() - before, counted.elapsed().as_secs_f64());
    let share = during as f64 / time / (RATE * (KEYS - 1) / KEYS) as f64;
    eprintln!("{during} records in {time:.1} s while one key hung: {share:.3} of the others' rate");
    let out = |record: &&_| identity(record) == (HANGING.to_string(), SEQ);
    assert!(!judge.seen.iter().any(|record| out(&record)), "the key did not hang");
    assert!(share >= 0.9, "the other keys kept only {share:.3} of their rate");
    let written = writer.join().unwrap();
    no_process_repeats(&judged(&chain, stages, &written));
}
