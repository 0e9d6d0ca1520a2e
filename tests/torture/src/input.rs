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

/// Pizzas in an order, at least.
const PIZZAS: usize = 10;

/// Orders a second, at most; then orders grow.
const ORDERS: usize = 20;

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
    /// Tasks at a pace; the numbers of a key ascend, and go on where `from` of them were written before.
    pub(crate) fn tasks(
        chain: &Chain,
        brokers: &str,
        per_second: usize,
        seed: u64,
        from: usize,
    ) -> Source {
        let (topic, brokers) = (chain.source.clone(), brokers.to_owned());
        Source::start(from, move |end, total| tasks(&topic, &brokers, per_second, seed, end, total))
    }

    /// Orders at a pace, under names that nobody had in another `part`; `from` pizzas were ordered before.
    pub(crate) fn orders(api: &str, pizzas_per_second: usize, part: usize, from: usize) -> Source {
        let count = PIZZAS.max(pizzas_per_second / ORDERS);
        let wait = Duration::from_secs_f64(count as f64 / pizzas_per_second as f64);
        let table = Table {
            url: format!("http://{api}/order/{count}"),
            count,
            part,
            wait: wait * GUESTS as u32,
        };
        Source::start(from, move |end, total| table.orders(end, total))
    }

    fn start(
        from: usize,
        run: impl FnOnce(&AtomicBool, &AtomicUsize) -> Result<Vec<Value>> + Send + 'static,
    ) -> Source {
        let (end, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(from)));
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
    let from = total.load(Ordering::Relaxed);
    let (started, mut sent) = (Instant::now(), from);
    while !end.load(Ordering::Relaxed) {
        let due = from + (started.elapsed().as_secs_f64() * per_second as f64) as usize;
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
struct Table {
    url: String,
    /// Pizzas in an order.
    count: usize,
    part: usize,
    /// From one order of a guest to the next.
    wait: Duration,
}

impl Table {
    fn orders(&self, end: &AtomicBool, total: &AtomicUsize) -> Result<Vec<Value>> {
        std::thread::scope(|scope| {
            let guest = |number| scope.spawn(move || self.guest(number, end, total));
            let guests: Vec<_> = (0..GUESTS).map(guest).collect();
            let mut acknowledged = Vec::new();
            for guest in guests {
                acknowledged.extend(guest.join().ok().context("a guest panicked")??);
            }
            Ok(acknowledged)
        })
    }

    fn guest(&self, guest: usize, end: &AtomicBool, total: &AtomicUsize) -> Result<Vec<Value>> {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
        let agent: ureq::Agent = config.build().into();
        let mut acknowledged = Vec::new();
        let mut next = Instant::now();
        for number in 0.. {
            while Instant::now() < next && !end.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if end.load(Ordering::Relaxed) {
                break;
            }
            // Whoever had to wait for an answer catches up.
            next += self.wait;
            let name = format!("part-{}-guest-{guest}-order-{number}", self.part);
            // Under the same name until there is an answer: twice asked is once ordered.
            let deadline = Instant::now() + Duration::from_secs(120);
            let order = loop {
                let asked = agent.post(&self.url).header("idempotency-key", &name).send_empty();
                let answer = asked.and_then(|mut answer| answer.body_mut().read_json::<Value>());
                match answer {
                    Ok(order) => break order,
                    Err(error) if Instant::now() > deadline => {
                        return Err(error).context("the API took no order for two minutes");
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            };
            total.fetch_add(self.count, Ordering::Relaxed);
            acknowledged.push(json!({ "order": order["order_id"], "count": self.count }));
        }
        Ok(acknowledged)
    }
}
