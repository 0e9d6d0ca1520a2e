//! Orders that keep coming until they are told to end.

use super::orders::Orders;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Orders that grow side by side.
const ORDERS: usize = 40;

/// Writes at a pace; where the broker is away, its client keeps what it has for later.
pub struct Load {
    end: Arc<AtomicBool>,
    total: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<usize>>,
}

impl Load {
    pub fn start(brokers: &str, topic: &str, per_second: usize) -> Load {
        let mut orders = Orders::new(brokers, topic, ORDERS);
        let (end, total) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, done) = (end.clone(), total.clone());
        let thread = std::thread::spawn(move || {
            let started = Instant::now();
            while !told.load(Ordering::Relaxed) {
                let due = (started.elapsed().as_secs_f64() * per_second as f64) as usize;
                orders.write(due - orders.total());
                done.store(due, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
            orders.flush();
            orders.written
        });
        Load { end, total, thread }
    }

    /// How many are written by now.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Ends, and gives what was written of each order.
    pub fn end(self) -> Vec<usize> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
