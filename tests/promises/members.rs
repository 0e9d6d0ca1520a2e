//! Members join, leave and die under load: nothing is lost or there twice, and nobody waits long.

use crate::rig::chain::{Chain, Group, PARTITIONS};
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::load::Load;
use crate::rig::process::Process;
use crate::rig::{broker, machine, scaled, seed, until};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pizzas a second.
const PACE: usize = 500;

/// For what has no promise of its own.
const LIMIT: Duration = Duration::from_secs(60);

/// Notes when a stage's outputs arrive, in a thread of its own, so that nothing the test waits for
/// hides a stall. A key's output goes to the partition of its input, so each of them should flow.
struct Watch {
    /// By partition, since it watches.
    arrivals: Arc<Mutex<Vec<Vec<Instant>>>>,
    end: Arc<AtomicBool>,
    thread: JoinHandle<Judge>,
}

impl Watch {
    /// Begins when outputs come on every partition.
    fn start(brokers: &str, topic: &str) -> Watch {
        let mut judge = Judge::of(brokers, topic);
        let arrivals = Arc::new(Mutex::new(vec![Vec::new(); PARTITIONS as usize]));
        let end = Arc::new(AtomicBool::new(false));
        let (noted, told) = (arrivals.clone(), end.clone());
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let known = judge.seen.len();
                judge.look(Duration::from_millis(5));
                let now = Instant::now();
                for record in &judge.seen[known..] {
                    noted.lock().unwrap()[record.partition as usize].push(now);
                }
            }
            judge
        });
        let watch = Watch { arrivals, end, thread };
        watch.wait_past(Instant::now(), LIMIT);
        watch
    }

    /// Waits until every partition had an output later than this.
    fn wait_past(&self, moment: Instant, limit: Duration) {
        let past = |arrivals: &Vec<Instant>| arrivals.last().is_some_and(|last| *last > moment);
        until("outputs on every partition", limit, || {
            self.arrivals.lock().unwrap().iter().all(past).then_some(())
        });
    }

    /// The longest time that a partition had no output, among those that end after `from`; what
    /// has not ended by `to` counts too.
    fn longest(&self, from: Instant, to: Instant) -> Duration {
        let arrivals = self.arrivals.lock().unwrap();
        let partition = |arrivals: &Vec<Instant>| {
            let mut moments: Vec<Instant> = arrivals.iter().copied().filter(|m| *m < to).collect();
            moments.push(to);
            let gaps = moments.windows(2).filter(|gap| gap[1] > from).map(|gap| gap[1] - gap[0]);
            gaps.max().unwrap_or_default()
        };
        arrivals.iter().map(partition).max().unwrap_or_default()
    }

    fn judge(self) -> Judge {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// One stage with two instances under load, both at work.
struct Two {
    chain: Chain,
    group: Group,
    stages: Vec<Process>,
    load: Load,
    watch: Watch,
}

impl Two {
    fn start() -> Two {
        let chain = Chain::new(&broker::shared(), &["in", "out"], &["sauce"], "");
        let group = chain.group_of(0);
        let load = Load::start(&chain.brokers, chain.first(), PACE);
        let stages = vec![chain.start("sauce", 0), chain.start("sauce", 1)];
        until("two members share", LIMIT, || (group.shares()? == [2, 2]).then_some(()));
        let watch = Watch::start(&chain.brokers, chain.last());
        Two { chain, group, stages, load, watch }
    }

    /// The second instance has all of it, and outputs come on every partition.
    fn other_has_all(&self) {
        until("the other has all", LIMIT, || (self.group.shares()? == [4]).then_some(()));
        self.watch.wait_past(Instant::now(), LIMIT);
    }

    /// No partition waited longer than `limit` from this moment on, and all is there once.
    fn judged(self, what: &str, since: Instant, limit: Duration) {
        let longest = self.watch.longest(since, Instant::now());
        let written = self.load.end();
        eprintln!("{what}: no partition waited longer than {longest:?}; {limit:?} is allowed");
        let mut judge = self.watch.judge();
        exactly_once(what, judge.expect(written.iter().sum(), LIMIT), &written);
        assert!(longest <= limit, "{what}: a partition waited {longest:?}");
    }
}

#[test]
fn twenty_joins_and_leaves() {
    machine::alone();
    let chain = Chain::pizza(&broker::shared());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let at = rng.random_range(0..chain.stages.len());
    let (stage, group) = (chain.stages[at].clone(), chain.group_of(at));
    let mut stages = chain.start_all();
    let load = Load::start(&chain.brokers, chain.first(), PACE);
    let watch = Watch::start(&chain.brokers, &chain.topics[at + 1]);
    let since = Instant::now();
    let mut guests: Vec<Process> = Vec::new();
    let mut settled = 0;
    let events = scaled(20);
    for _ in 0..events {
        if guests.is_empty() || (guests.len() < 2 && rng.random_bool(0.5)) {
            guests.push(chain.start(&stage, 1 + guests.len()));
            until("the guest joins", LIMIT, || (group.members() > guests.len()).then_some(()));
        } else if let Some(mut guest) = guests.pop() {
            let ended = guest.stop(Duration::from_secs(10));
            assert!(ended.success(), "{ended}: {}", guest.log.display());
        }
        // Mostly everybody finds their share; sometimes the next comes in the midst of it.
        if rng.random_bool(0.7) {
            let all = |shares: &Vec<usize>| shares.len() == 1 + guests.len() && shares[0] > 0;
            until("they share", LIMIT, || group.shares().filter(all));
            settled += 1;
        }
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1_500)));
    }
    watch.wait_past(Instant::now(), LIMIT);
    let longest = watch.longest(since, Instant::now());
    let written = load.end();
    eprintln!(
        "{events} joins and leaves of {stage}, {settled} of them settled before the next: \
         no partition waited longer than {longest:?}"
    );
    for topic in &chain.topics {
        let mut judge = Judge::of(&chain.brokers, topic);
        exactly_once(topic, judge.expect(written.iter().sum(), LIMIT), &written);
    }
    assert!(longest <= Duration::from_secs(5), "a partition of {stage} waited {longest:?}");
    for stage in stages.iter_mut().chain(&mut guests) {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
}

/// A member that ends without leaving holds its partitions until its session ends.
#[test]
fn who_stops_has_left_whatever_the_group_did_meanwhile() {
    machine::alone();
    let chain = Chain::new(&broker::shared(), &["in", "out"], &["sauce"], "");
    let group = chain.group_of(0);
    let _stays = chain.start("sauce", 0);
    until("the first is there", LIMIT, || group.shares());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed());
    let (mut joined, rounds) = (0, scaled(40));
    for _ in 0..rounds {
        let mut guest = chain.start("sauce", 1);
        until("the guest is seen", LIMIT, || (group.members() > 1).then_some(()));
        // It joins, waits for the others, is given something, or has it.
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1_500)));
        joined += usize::from(group.shares() == Some(vec![2, 2]));
        let ended = guest.stop(Duration::from_secs(10));
        assert!(ended.success(), "{ended}: {}", guest.log.display());
        let names = group.names();
        assert_eq!(names.len(), 1, "gone, and still there: {names:?} {}", guest.log.display());
    }
    eprintln!("{joined} of {rounds} had their share when they were stopped");
}

#[test]
fn one_that_dies_is_replaced_by_the_others() {
    machine::alone();
    let mut two = Two::start();
    let since = Instant::now();
    two.stages[0].kill();
    two.other_has_all();
    two.judged("killed for good", since, Duration::from_secs(20));
}

#[test]
fn one_that_restarts_in_its_place_goes_on_at_once() {
    machine::alone();
    let mut two = Two::start();
    let since = Instant::now();
    two.stages[0].kill();
    two.stages[0] = two.chain.start("sauce", 0);
    // Longer than a session lasts: nobody else took over in the meantime.
    two.watch.wait_past(since + Duration::from_secs(8), LIMIT);
    assert_eq!(two.group.shares(), Some(vec![2, 2]));
    two.judged("restarted in its place", since, Duration::from_secs(3));
}

#[test]
fn one_that_stops_hands_over_at_once() {
    machine::alone();
    let mut two = Two::start();
    let since = Instant::now();
    let ended = two.stages[0].stop(Duration::from_secs(10));
    assert!(ended.success(), "{ended}: {}", two.stages[0].log.display());
    eprintln!("ended after {:?}", since.elapsed());
    two.other_has_all();
    two.judged("stopped", since, Duration::from_secs(1));
}
