//! Sends orders to the first topic: all pizzas of an order, or none.
//!
//! One producer on a thread of its own. Orders that come while a transaction is on its way share
//! the next one.

use crate::order;
use stage_sdk::broker::Broker;
use stage_sdk::core::Ended;
use stage_sdk::producer::{Message, Producer};
use stage_sdk::record::{Headers, pack};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Orders in one transaction, and their pizzas: one transaction stays far below its time-out.
const ORDERS: usize = 256;
const PIZZAS: u32 = 20_000;

/// For a new producer's first answer.
const OPEN: Duration = Duration::from_secs(3);

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has all of it.
    Placed,
    /// The broker has nothing of it, and never will.
    NotPlaced,
    /// It is not known; reading the topic will tell.
    Unknown,
}

struct Request {
    id: String,
    count: u32,
    until: Instant,
    answer: oneshot::Sender<Outcome>,
}

/// The way to the publishing thread; clones share it. The thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: Sender<Request>,
    connected: Arc<AtomicBool>,
}

impl Publisher {
    /// Starts the thread; it connects by itself, and again whenever it must.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(broker: Broker, topic: String, limit: usize) -> std::io::Result<Publisher> {
        let (requests, todo) = mpsc::channel();
        let connected = Arc::new(AtomicBool::new(false));
        let state = connected.clone();
        std::thread::Builder::new().name("publisher".into()).spawn(move || {
            Sending { broker, topic, limit, producer: None, connected: state }.run(&todo)
        })?;
        Ok(Publisher { requests, connected })
    }

    /// Whether the last contact with the broker went well.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Sends an order; after `wait` it is not begun any more.
    pub async fn place(&self, id: &str, count: u32, wait: Duration) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let request = Request { id: id.to_owned(), count, until: Instant::now() + wait, answer };
        if self.requests.send(request).is_err() {
            return Outcome::NotPlaced;
        }
        match tokio::time::timeout(wait, answered).await {
            Ok(Ok(outcome)) => outcome,
            // It may be on its way.
            Ok(Err(_)) | Err(_) => Outcome::Unknown,
        }
    }
}

struct Sending {
    broker: Broker,
    topic: String,
    limit: usize,
    producer: Option<Producer>,
    connected: Arc<AtomicBool>,
}

impl Sending {
    fn run(mut self, todo: &Receiver<Request>) {
        self.connect();
        loop {
            let first = match todo.recv_timeout(Duration::from_secs(1)) {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.connect();
                    continue;
                }
            };
            let mut pizzas = first.count;
            let mut requests = vec![first];
            while requests.len() < ORDERS && pizzas < PIZZAS {
                let Ok(next) = todo.try_recv() else { break };
                pizzas += next.count;
                requests.push(next);
            }
            self.place(requests);
        }
    }

    /// Sends what is still wanted; nothing is sent again unless it is certain that it is not there.
    fn place(&mut self, mut requests: Vec<Request>) {
        loop {
            let now = Instant::now();
            let (wanted, late): (Vec<_>, Vec<_>) =
                requests.into_iter().partition(|r| r.until > now && !r.answer.is_closed());
            answer(late, Outcome::NotPlaced);
            requests = wanted;
            if requests.is_empty() {
                return;
            }
            if self.producer.is_none() && !self.connect() {
                continue;
            }
            let outcome = match self.transaction(&requests) {
                Ended::Committed => Outcome::Placed,
                Ended::Unknown => {
                    self.disconnect();
                    Outcome::Unknown
                }
                Ended::Refused => Outcome::NotPlaced,
                Ended::Broken => {
                    self.disconnect();
                    continue;
                }
                Ended::Aborted | Ended::TimedOut => continue,
            };
            self.connected.store(outcome == Outcome::Placed, Ordering::Relaxed);
            return answer(requests, outcome);
        }
    }

    fn transaction(&self, requests: &[Request]) -> Ended {
        let Some(producer) = &self.producer else { return Ended::Broken };
        if producer.begin().is_err() {
            return Ended::Broken;
        }
        for request in requests {
            let (key, value) = (order::key(&request.id), order::pizza(&request.id));
            for seq in 0..request.count {
                let mut headers = Vec::new();
                pack(&mut headers, order::SEQ, Some(seq.to_string().as_bytes()));
                let message = Message {
                    topic: &self.topic,
                    partition: None,
                    key: Some(key.as_bytes()),
                    value: Some(value.as_bytes()),
                    headers: Headers::new(&headers),
                    time: -1,
                };
                if producer.send(message).is_err() {
                    return producer.abort(Ended::Aborted);
                }
            }
        }
        match producer.flush() {
            Ok(()) => producer.commit(),
            Err(Ended::Broken) => Ended::Broken,
            Err(ended) => producer.abort(ended),
        }
    }

    fn connect(&mut self) -> bool {
        if self.producer.is_none() {
            // Nobody else has this identity: what a lost producer left open ends by its time-out.
            let identity = format!("pizza-api.{}", uuid::Uuid::new_v4());
            let config = self.broker.producer(Some(&identity), self.limit, self.limit);
            match Producer::open(&config, OPEN) {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => tracing::warn!(%error, "no producer for orders yet"),
            }
            self.connected.store(self.producer.is_some(), Ordering::Relaxed);
        }
        self.producer.is_some()
    }

    fn disconnect(&mut self) {
        self.producer = None;
        self.connected.store(false, Ordering::Relaxed);
    }
}

fn answer(requests: Vec<Request>, outcome: Outcome) {
    for request in requests {
        // Who does not wait any more finds it out by the order's row.
        request.answer.send(outcome).ok();
    }
}
