//! The publishing thread: one producer. Orders that come while a transaction is on its way share
//! the next one.

use super::Outcome;
use crate::contact::Contact;
use crate::order;
use crate::trace::Trace;
use stage_sdk::broker::Broker;
use stage_sdk::core::Ended;
use stage_sdk::producer::{Message, Producer};
use stage_sdk::record::{Headers, pack};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Orders in one transaction, and their pizzas: one transaction stays far below its time-out.
const ORDERS: usize = 256;
const PIZZAS: u32 = 20_000;

/// For a new producer's first answer.
const OPEN: Duration = Duration::from_secs(3);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Request {
    pub(super) id: String,
    pub(super) count: u32,
    pub(super) trace: Trace,
    pub(super) until: Instant,
    /// Set by whoever is first: the thread that sends it, or the caller who waits no longer.
    pub(super) begun: Arc<AtomicBool>,
    /// The thread was first.
    pub(super) mine: bool,
    pub(super) answer: oneshot::Sender<Outcome>,
}

impl Request {
    /// Whether it is ours to send.
    fn begin(&mut self) -> bool {
        self.mine = self.mine || !self.begun.swap(true, Ordering::AcqRel);
        self.mine
    }
}

pub(super) struct Sending {
    broker: Broker,
    topic: String,
    limit: usize,
    contact: watch::Receiver<Contact>,
    connected: Arc<AtomicBool>,
    /// Ours alone, and for as long as we live: a new producer ends what the last one left open.
    identity: String,
    producer: Option<Producer>,
}

impl Sending {
    pub(super) fn new(
        broker: Broker,
        topic: String,
        limit: usize,
        contact: watch::Receiver<Contact>,
        connected: Arc<AtomicBool>,
    ) -> Sending {
        let identity = format!("pizza-api.{}", uuid::Uuid::new_v4());
        Sending { broker, topic, limit, contact, connected, identity, producer: None }
    }

    pub(super) fn run(mut self, todo: &Receiver<Request>) {
        self.connect();
        loop {
            let first = match todo.recv_timeout(Duration::from_secs(1)) {
                Ok(first) => first,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    // After a failure only a new producer shows whether it works again.
                    if !self.connected.load(Ordering::Relaxed) {
                        self.producer = None;
                    }
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
                requests.into_iter().partition(|r| r.until > now);
            answer(late, Outcome::NotPlaced);
            requests = wanted;
            if requests.is_empty() {
                return;
            }
            if !self.connect() {
                std::thread::sleep(PAUSE);
                continue;
            }
            requests.retain_mut(Request::begin);
            if requests.is_empty() {
                return;
            }
            let ended = self.transaction(&requests);
            self.connected.store(ended == Ended::Committed, Ordering::Relaxed);
            let outcome = match ended {
                Ended::Committed => Outcome::Placed,
                Ended::Refused => Outcome::NotPlaced,
                Ended::Unknown => {
                    self.producer = None;
                    Outcome::Unknown
                }
                // Taking too long, the client may have lost its brokers for good.
                Ended::Broken | Ended::TimedOut => {
                    self.producer = None;
                    continue;
                }
                Ended::Aborted => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
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
                request.trace.pack(&mut headers);
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
        if self.producer.is_none() && self.contact.borrow().is_ours {
            let config = self.broker.producer(Some(&self.identity), self.limit, self.limit);
            match Producer::open(&config, OPEN) {
                Ok(producer) => self.producer = Some(producer),
                Err(error) => tracing::warn!(%error, "no producer for orders yet"),
            }
            self.connected.store(self.producer.is_some(), Ordering::Relaxed);
        }
        self.producer.is_some()
    }
}

fn answer(requests: Vec<Request>, outcome: Outcome) {
    for request in requests {
        // Who does not wait any more finds it out by the order's row.
        request.answer.send(outcome).ok();
    }
}
