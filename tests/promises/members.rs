//! Members join, leave and die under load: nothing is lost or there twice, and nobody waits long.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, Seen, exactly_once};
use crate::rig::orders::Orders;
use crate::rig::process::Process;
use crate::rig::{broker, scaled, seed};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pizzas a second.
const PACE: usize = 500;

/// For a whole chain to catch up and be judged.
const LIMIT: Duration = Duration::from_secs(60);

/// Writes at a pace until it is told to end; gives what it wrote.
struct Load {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Vec<usize>>,
}

impl Load {
    fn start(chain: &Chain) -> Load {
        let mut orders = Orders::new(&chain.brokers, chain.first(), 40);
        let end = Arc::new(AtomicBool::new(false));
        let told = end.clone();
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                orders.pace(PACE / 20, PACE, |_| {});
            }
            orders.written
        });
        Load { end, thread }
    }

    fn end(self) -> Vec<usize> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// One stage with two instances under load, both at work.
fn two() -> (Chain, Vec<Process>, Load) {
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["sauce"], "");
    let load = Load::start(&chain);
    let stages = vec![chain.start("sauce", 0), chain.start("sauce", 1)];
    std::thread::sleep(Duration::from_secs(3));
    (chain, stages, load)
}

/// The longest time, by partition, that no output was made while input came; from the times of the
/// records, which outputs take from their inputs, and those at which the judge saw them.
struct Watch {
    judge: Judge,
    last: [Instant; 4],
    longest: Duration,
}

impl Watch {
    fn new(chain: &Chain) -> Watch {
        let mut judge = Judge::of(&chain.brokers, chain.last());
        judge.look(Duration::from_secs(1));
        Watch { judge, last: [Instant::now(); 4], longest: Duration::ZERO }
    }

    fn look(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            let known = self.judge.seen.len();
            self.judge.look(Duration::from_millis(20));
            let now = Instant::now();
            for Seen { partition, .. } in &self.judge.seen[known..] {
                self.last[*partition as usize] = now;
            }
            let waits = self.last.iter().map(|last| now - *last).max().unwrap_or_default();
            self.longest = self.longest.max(waits);
        }
    }

    fn judged(mut self, what: &str, limit: Duration, written: &[usize]) {
        eprintln!("{what}: no partition waited longer than {:?}", self.longest);
        assert!(
            self.longest <= limit,
            "{what}: a partition waited {:?}, {limit:?} is allowed",
            self.longest
        );
        let seen = self.judge.expect(written.iter().sum(), LIMIT);
        exactly_once(what, seen, written);
    }
}

#[test]
fn twenty_joins_and_leaves() {
    let chain = Chain::pizza(&broker::shared());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let mut stages = chain.start_all();
    let load = Load::start(&chain);
    std::thread::sleep(Duration::from_secs(3));
    let mut watch = Watch::new(&chain);
    let mut guests: Vec<Process> = Vec::new();
    for _ in 0..scaled(20) {
        if guests.is_empty() || (guests.len() < 2 && rng.random_bool(0.5)) {
            guests.push(chain.start("cheese", 1 + guests.len()));
        } else if let Some(mut guest) = guests.pop() {
            assert!(guest.stop(Duration::from_secs(10)).success(), "{}", guest.log.display());
        }
        watch.look(Duration::from_millis(rng.random_range(500..2_500)));
    }
    let written = load.end();
    watch.look(Duration::from_millis(10));
    watch.judged("joins and leaves", Duration::from_secs(5), &written);
    for topic in &chain.topics[1..4] {
        let mut judge = Judge::of(&chain.brokers, topic);
        exactly_once(topic, judge.expect(written.iter().sum(), LIMIT), &written);
    }
    for stage in stages.iter_mut().chain(&mut guests) {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
}

#[test]
fn one_that_dies_is_replaced_by_the_others() {
    let (chain, mut stages, load) = two();
    let mut watch = Watch::new(&chain);
    stages[0].kill();
    watch.look(Duration::from_secs(22));
    let written = load.end();
    watch.judged("killed for good", Duration::from_secs(20), &written);
}

#[test]
fn one_that_restarts_in_its_place_goes_on_at_once() {
    let (chain, mut stages, load) = two();
    let mut watch = Watch::new(&chain);
    stages[0].kill();
    stages[0] = chain.start("sauce", 0);
    watch.look(Duration::from_secs(5));
    let written = load.end();
    watch.judged("restarted in its place", Duration::from_secs(3), &written);
}

#[test]
fn one_that_stops_hands_over_at_once() {
    let (chain, mut stages, load) = two();
    let mut watch = Watch::new(&chain);
    stages[0].signal("-TERM");
    watch.look(Duration::from_secs(3));
    assert!(stages[0].end(Duration::from_secs(10)).success());
    let written = load.end();
    watch.judged("stopped", Duration::from_secs(1), &written);
}
