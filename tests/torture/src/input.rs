//! What both chains get: tasks for the harder one, written by a producer, and orders for the shop,
//! posted to its API. Each says afterwards what was acknowledged.

use crate::chain::Chain;
use crate::reminder::Reminder;
use anyhow::{Context, Result};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rdkafka::client::ClientContext;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Keys of the harder chain.
const KEYS: usize = 200;

/// Pizzas in an order.
const PIZZAS: usize = 10;

/// Who order, each one order after the other.
const GUESTS: usize = 8;

/// Runs until it is told to end.
pub(crate) struct Source {
    end: Arc<AtomicBool>,
    /// How many records there are to be of it in the end.
    pub(crate) total: Arc<AtomicUsize>,
    thread: JoinHandle<Result<Vec<Value>>>,
}

impl Source {
    /// Tasks at a pace; the numbers of a key ascend.
    pub(crate) fn tasks(chain: &Chain, brokers: &str, per_second: usize, seed: u64) -> Source {
        let (topic, brokers) = (chain.source.clone(), brokers.to_owned());
        Source::start(move |end, total| tasks(&topic, &brokers, per_second, seed, end, total))
    }

    /// Orders at a pace, each of ten pizzas.
    pub(crate) fn orders(api: &str, pizzas_per_second: usize) -> Source {
        let url = format!("http://{api}/order/{PIZZAS}");
        let wait = Duration::from_secs_f64(PIZZAS as f64 / pizzas_per_second as f64);
        Source::start(move |end, total| orders(&url, wait, end, total))
    }

    fn start(
        run: impl FnOnce(&AtomicBool, &AtomicUsize) -> Result<Vec<Value>> + Send + 'static,
    ) -> Source {
        let (end, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, count) = (end.clone(), total.clone());
        Source { end, total, thread: std::thread::spawn(move || run(&told, &count)) }
    }

    /// What was acknowledged. Nothing more comes.
    pub(crate) fn end(self) -> Result<Vec<Value>> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("a source panicked")?
    }
}

/// Notes what the broker has acknowledged, by the record's text.
#[derive(Default)]
struct Acknowledged(Mutex<Vec<Value>>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Ok(message), Ok(mut all)) = (result, self.0.lock()) {
            let value = message.payload().and_then(|text| serde_json::from_slice(text).ok());
            all.push(value.unwrap_or_default());
        }
    }
}

fn tasks(
    topic: &str,
    brokers: &str,
    per_second: usize,
    seed: u64,
    end: &AtomicBool,
    total: &AtomicUsize,
) -> Result<Vec<Value>> {
    let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "0")
        .set("linger.ms", "1")
        .create_with_context(Acknowledged::default())?;
    let mut reminder = Reminder::new(brokers);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (started, mut sent) = (Instant::now(), 0);
    while !end.load(Ordering::Relaxed) {
        let due = (started.elapsed().as_secs_f64() * per_second as f64) as usize;
        for number in sent..due {
            let key = format!("k{}", number % KEYS);
            let value = task(&key, number / KEYS, &mut random).to_string();
            let record = BaseRecord::to(topic).key(&key).payload(&value);
            producer.send(record).map_err(|(error, _)| error).context("send a task")?;
        }
        sent = due.max(sent);
        total.store(sent, Ordering::Relaxed);
        reminder.remind(producer.client().native_ptr());
        std::thread::sleep(Duration::from_millis(10));
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    while producer.in_flight_count() > 0 && Instant::now() < deadline {
        reminder.remind(producer.client().native_ptr());
        producer.flush(Duration::from_secs(1)).ok();
    }
    let acknowledged = std::mem::take(&mut *producer.context().0.lock().ok().context("poisoned")?);
    Ok(acknowledged)
}

/// A task that says what is to happen to it: of a hundred some ten fail somewhere, one is rejected.
fn task(key: &str, number: usize, random: &mut impl rand::Rng) -> Value {
    let mut fails = serde_json::Map::new();
    for (stage, percent, most) in [("mix", 2, 2), ("bake", 4, 5), ("pack", 4, 3)] {
        if random.random_range(0..100) < percent {
            fails.insert(stage.into(), random.random_range(1..=most).into());
        }
    }
    let stage = ["mix", "bake", "pack"][random.random_range(0..3)];
    json!({
        "id": format!("{key}-{number}"),
        "key": key,
        "seq": number,
        "fails": fails,
        "rejects": Some(stage).filter(|_| random.random_range(0..100) == 0),
        "audit": random.random_range(0..5) == 0,
        "takes": random.random_range(0..5),
    })
}

/// Several who order, so that one who waits for an answer does not keep the others from it.
fn orders(url: &str, wait: Duration, end: &AtomicBool, total: &AtomicUsize) -> Result<Vec<Value>> {
    let wait = wait * GUESTS as u32;
    std::thread::scope(|scope| {
        let guest = |number| scope.spawn(move || guest(number, url, wait, end, total));
        let guests: Vec<_> = (0..GUESTS).map(guest).collect();
        let mut acknowledged = Vec::new();
        for guest in guests {
            acknowledged.extend(guest.join().ok().context("a guest panicked")??);
        }
        Ok(acknowledged)
    })
}

fn guest(
    guest: usize,
    url: &str,
    wait: Duration,
    end: &AtomicBool,
    total: &AtomicUsize,
) -> Result<Vec<Value>> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    let agent: ureq::Agent = config.build().into();
    let mut acknowledged = Vec::new();
    let mut next = Instant::now();
    for number in 0.. {
        while Instant::now() < next {
            if end.load(Ordering::Relaxed) {
                return Ok(acknowledged);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        next = (next + wait).max(Instant::now());
        let name = format!("guest-{guest}-order-{number}");
        // Under the same name until there is an answer: twice asked is once ordered.
        let deadline = Instant::now() + Duration::from_secs(120);
        let order = loop {
            let asked = agent.post(url).header("idempotency-key", &name).send_empty();
            let answer = asked.and_then(|mut answer| answer.body_mut().read_json::<Value>());
            match answer {
                Ok(order) => break order,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("the API took no order for two minutes");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        total.fetch_add(PIZZAS, Ordering::Relaxed);
        acknowledged.push(json!({ "order": order["order_id"], "count": PIZZAS }));
    }
    Ok(acknowledged)
}
