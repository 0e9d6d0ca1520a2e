//! `kill -9` at random moments, under idempotent and transactional load: nothing acknowledged is
//! lost, nothing is there twice, nothing aborted can be read. `STAGE_CRASH_ROUNDS` says how often.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const OF_A_TRANSACTION: u32 = 5;

/// The broker as a process of its own, always at the same address.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(dir: &Path, listen: &str) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stage-broker"))
            .args(["--listen", listen, "--auto-create-topics", "--default-partitions", "2"])
            .args(["-c", "log.segment.bytes=200000", "--data"])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(!address.is_empty(), "the broker did not start");
        Process { child, address: address.trim().to_owned() }
    }

    fn kill(&mut self) {
        let _ = self.child.kill(); // SIGKILL
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config.set("reconnect.backoff.max.ms", "100").set("topic.metadata.refresh.interval.ms", "1000");
    config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}

/// Collects what was acknowledged.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<Vec<u32>>>);

impl ClientContext for Acknowledged {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Box<u32>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u32>) {
        if result.is_ok() {
            self.0.lock().unwrap().push(*number);
        }
    }
}

/// Sends numbers until it is told to stop.
fn idempotent(address: &str, stop: &AtomicBool, known: &Acknowledged) {
    let producer: BaseProducer<Acknowledged> = client(address)
        .set("enable.idempotence", "true")
        .set("linger.ms", "1")
        .set("message.timeout.ms", "0")
        .create_with_context(known.clone())
        .unwrap();
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let text = number.to_string();
        let record =
            BaseRecord::with_opaque_to("plain", Box::new(number)).key(&text).payload(&text);
        if producer.send(record).is_ok() {
            number += 1;
        }
        producer.poll(Duration::ZERO);
        if number.is_multiple_of(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    producer.flush(PATIENCE).unwrap();
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Committed,
    Aborted,
    Unknown,
}

/// One transaction after the other; every third is aborted on purpose.
fn transactional(address: &str, stop: &AtomicBool, committed: &AtomicUsize) -> Vec<Fate> {
    let open = || -> KafkaResult<BaseProducer> {
        let producer: BaseProducer = client(address)
            .set("transactional.id", "crash")
            .set("transaction.timeout.ms", "5000")
            .create()?;
        producer.init_transactions(PATIENCE).map(|()| producer)
    };
    let mut fates = Vec::new();
    let mut producer = open().unwrap();
    while !stop.load(Ordering::Relaxed) {
        let number = fates.len() as u32;
        let fate = match one(&producer, number) {
            Ok(fate) => fate,
            Err(fate) => {
                let aborted = producer.abort_transaction(PATIENCE).is_ok();
                if !aborted {
                    drop(producer);
                    producer = open().unwrap();
                }
                if aborted { fate } else { Fate::Unknown }
            }
        };
        if fate == Fate::Committed {
            committed.fetch_add(1, Ordering::Relaxed);
        }
        fates.push(fate);
    }
    fates
}

/// The error is what it will be once it is aborted.
fn one(producer: &BaseProducer, number: u32) -> Result<Fate, Fate> {
    let before = |_| Fate::Aborted;
    producer.begin_transaction().map_err(before)?;
    for part in 0..OF_A_TRANSACTION {
        let (key, text) = (part.to_string(), (number * OF_A_TRANSACTION + part).to_string());
        let record = BaseRecord::to("exact").key(&key).payload(&text);
        producer.send(record).map_err(|(error, _)| before(error))?;
    }
    if number % 3 == 2 {
        producer.flush(PATIENCE).map_err(before)?;
        return producer
            .abort_transaction(PATIENCE)
            .map(|()| Fate::Aborted)
            .map_err(|_| Fate::Unknown);
    }
    match producer.commit_transaction(PATIENCE) {
        Ok(()) => Ok(Fate::Committed),
        Err(_) => Err(Fate::Unknown),
    }
}

/// Whether something becomes so in time.
fn within(time: Duration, is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now() + time;
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// How often each number is in a topic.
fn counts(address: &str, topic: &str) -> BTreeMap<u32, usize> {
    let consumer: BaseConsumer = client(address)
        .set("group.id", "judge")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..2 {
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut counts, mut ends) = (BTreeMap::new(), 0);
    let mut until = Instant::now() + PATIENCE;
    while ends < 2 {
        // None comes also after an event that is no record.
        let Some(polled) = consumer.poll(PATIENCE) else {
            assert!(Instant::now() < until, "no record of {topic} in time");
            continue;
        };
        until = Instant::now() + PATIENCE;
        match polled {
            Ok(message) => {
                let text = message.payload_view::<str>().unwrap().unwrap();
                *counts.entry(text.parse().unwrap()).or_default() += 1;
            }
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            Err(error) => panic!("{error}"),
        }
    }
    counts
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_aborted_is_read() {
    let rounds: usize = std::env::var("STAGE_CRASH_ROUNDS").map_or(15, |n| n.parse().unwrap());
    let dir = Dir(std::env::temp_dir().join(format!("stage-crash-{}", uuid::Uuid::new_v4())));
    let mut broker = Process::start(&dir.0, "127.0.0.1:0");
    let address = broker.address.clone();
    let (stop, known) = (AtomicBool::new(false), Acknowledged::default());
    let committed = AtomicUsize::new(0);
    let done = || (known.0.lock().unwrap().len(), committed.load(Ordering::Relaxed));
    let (went_on, fates) = std::thread::scope(|scope| {
        let plain = scope.spawn(|| idempotent(&address, &stop, &known));
        let exact = scope.spawn(|| transactional(&address, &stop, &committed));
        for round in 0..rounds {
            let moment = 150 + uuid::Uuid::new_v4().as_u128() as u64 % 400;
            std::thread::sleep(Duration::from_millis(moment));
            broker.kill();
            broker = Process::start(&dir.0, &address);
            assert_eq!(broker.address, address, "round {round}");
        }
        let before = done();
        let went_on = within(PATIENCE, || done().0 > before.0 && done().1 > before.1);
        stop.store(true, Ordering::Relaxed);
        plain.join().unwrap();
        (went_on, exact.join().unwrap())
    });
    assert!(went_on, "after the last kill nothing was acknowledged any more");
    let acknowledged = known.0.lock().unwrap();
    let plain = counts(&address, "plain");
    assert!(acknowledged.len() > rounds * 20, "only {} were acknowledged", acknowledged.len());
    for number in acknowledged.iter() {
        assert_eq!(plain.get(number), Some(&1), "record {number}");
    }
    assert!(plain.values().all(|count| *count == 1), "a record is there twice");
    let exact = counts(&address, "exact");
    for (number, fate) in fates.iter().enumerate() {
        let first = number as u32 * OF_A_TRANSACTION;
        let seen: Vec<_> = (first..first + OF_A_TRANSACTION)
            .map(|number| exact.get(&number).copied().unwrap_or(0))
            .collect();
        let (all, none) = (seen == [1; 5], seen == [0; 5]);
        let right = match fate {
            Fate::Committed => all,
            Fate::Aborted => none,
            Fate::Unknown => all || none,
        };
        assert!(right, "transaction {number}, {fate:?}: {seen:?}");
    }
    let count = |wanted| fates.iter().filter(|fate| **fate == wanted).count();
    eprintln!(
        "{rounds} kills, {} records, transactions: {} committed, {} aborted, {} unknown",
        plain.len(),
        count(Fate::Committed),
        count(Fate::Aborted),
        count(Fate::Unknown)
    );
    assert!(count(Fate::Committed) > rounds, "{fates:?}");
    broker.kill();
}
