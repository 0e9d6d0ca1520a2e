//! Sends orders to the first topic: all pizzas of an order, or none.

mod sending;

use crate::contact::Contact;
use crate::trace::Trace;
use sending::{Request, Sending};
use stage_sdk::broker::Broker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

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

/// The way to the publishing thread; clones share it. The thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: Sender<Request>,
    connected: Arc<AtomicBool>,
}

impl Publisher {
    /// Starts the thread; it connects by itself once the broker is known to be ours, and again
    /// whenever it must. `limit`: the largest record.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(
        broker: Broker,
        topic: String,
        limit: usize,
        contact: watch::Receiver<Contact>,
    ) -> std::io::Result<Publisher> {
        let (requests, todo) = mpsc::channel();
        let connected = Arc::new(AtomicBool::new(false));
        let sending = Sending::new(broker, topic, limit, contact, connected.clone());
        std::thread::Builder::new().name("publisher".into()).spawn(move || sending.run(&todo))?;
        Ok(Publisher { requests, connected })
    }

    /// Whether orders can be sent, as far as the last one shows.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Sends an order, if that can begin within `wait`; then answers when the outcome is certain,
    /// which may take longer than anybody waits for.
    pub async fn place(&self, id: &str, count: u32, trace: Trace, wait: Duration) -> Outcome {
        let (answer, mut answered) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let until = Instant::now() + wait;
        let request = Request {
            id: id.to_owned(),
            count,
            trace,
            until,
            begun: begun.clone(),
            mine: false,
            answer,
        };
        if self.requests.send(request).is_err() {
            return Outcome::NotPlaced;
        }
        match tokio::time::timeout(wait, &mut answered).await {
            Ok(outcome) => outcome.unwrap_or(Outcome::Unknown),
            // Nobody has begun it, and now nobody will.
            Err(_) if !begun.swap(true, Ordering::AcqRel) => Outcome::NotPlaced,
            Err(_) => answered.await.unwrap_or(Outcome::Unknown),
        }
    }
}
