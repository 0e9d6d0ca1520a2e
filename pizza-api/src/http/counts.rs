//! What is counted for `/metrics`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    placed: AtomicU64,
    pizzas: AtomicU64,
    unavailable: AtomicU64,
    /// By the first digit of the status, from 1.
    answers: [AtomicU64; 5],
}

impl Counts {
    /// An order was placed.
    pub fn placed(&self, pizzas: u32) {
        self.placed.fetch_add(1, Ordering::Relaxed);
        self.pizzas.fetch_add(pizzas.into(), Ordering::Relaxed);
    }

    /// An order was refused because the broker was away.
    pub fn unavailable(&self) {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered with this status.
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All of it in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, help, value) in [
            ("orders_placed", "Orders the broker has the whole of", &self.placed),
            ("pizzas_ordered", "Pizzas in these orders", &self.pizzas),
            ("orders_unavailable", "Orders refused: the broker was away", &self.unavailable),
        ] {
            let name = format!("pizza_{name}_total");
            let value = value.load(Ordering::Relaxed);
            writeln!(text, "# HELP {name} {help}.\n# TYPE {name} counter\n{name} {value}").ok();
        }
        let name = "pizza_http_requests_total";
        writeln!(text, "# HELP {name} Requests answered.\n# TYPE {name} counter").ok();
        for (class, value) in (1..).zip(&self.answers) {
            let value = value.load(Ordering::Relaxed);
            writeln!(text, "{name}{{status=\"{class}xx\"}} {value}").ok();
        }
        text
    }
}
