//! One Kafka node inside your process: topics, consumer groups and transactions, on one disk, for
//! any Kafka client.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use stage_broker::{Broker, Config};
//!
//! let broker = Broker::start(Config::directory("./data")).await?;
//! println!("bootstrap.servers={}", broker.address());
//! # Ok(()) }
//! ```
//!
//! The road of a request:
//!
//! ```text
//! server ─▶ connection ─▶ api ─▶ api/<its name>: decode, decide, store, answer
//!                                  │           │            │
//!                               topics       group     transaction     decide, do no I/O
//!                                  │           └─────┬──────┘
//!                              partition           store               what all must remember
//!                                  │                 │
//!                                 log ─────────── flush                what reaches the disk
//! ```
//!
//! One thread owns all of it: there are no locks. Two others do what blocks: forcing data to the
//! disk (`flush`), and checkpoints and the removal of files (`chores`).

mod config;

mod broker;

mod settings;

mod server;

mod connection;

mod api;

mod node;

mod topics;

mod topic;

mod partition;

mod groups;

mod group;

mod offsets;

mod transactions;

mod transaction;

mod log;

mod store;

mod flush;

mod chores;

mod time;

mod owner;

#[cfg(test)]
mod testing;

pub use broker::{Broker, StartError};
pub use config::{Config, Fsync, SettingError, Storage};

/// A new cluster id, in the form that Kafka gives them.
fn cluster_id() -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = uuid::Uuid::new_v4().as_u128();
    let mut id = String::with_capacity(22);
    for _ in 0..22 {
        id.push(char::from(DIGITS[(bits & 63) as usize]));
        bits >>= 6;
    }
    id
}
