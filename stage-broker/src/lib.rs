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
//!                                  │           │            │
//!                                  │        groups ─── transactions    write down, answer
//!                                  │           └─────┬──────┘
//!                              partition           store               what all must remember
//!                                  │                 │
//!                                 log ─────────── flush                what reaches the disk
//! ```
//!
//! # Limits
//!
//! Each can be set, as `-c name=value` or with [`Config::set`]; the defaults are Kafka's where Kafka
//! has one.
//!
//! | | setting | default |
//! |---|---|---|
//! | bytes of a request | `socket.request.max.bytes` | 100 MiB |
//! | items in the lists of a request | | 1,000,000 |
//! | requests of a connection under way | | 1; more wait in its socket |
//! | connections | `max.connections` | 10,000 |
//! | partitions of all topics | `max.topic.partitions` | 50,000 |
//! | groups | `max.groups` | 10,000 |
//! | bytes of a batch | `message.max.bytes` | 1 MiB |
//! | the same, unpacked | | 256 MiB |
//! | bytes of an answer to Fetch | `fetch.max.bytes` | 55 MiB |
//! | bytes of an offset's metadata | `offset.metadata.max.bytes` | 4,096 |
//! | time a transaction may take | `transaction.max.timeout.ms` | 15 min |
//!
//! Each partition keeps a file open; the system's limit of open files must allow that.
//!
//! # What is not here
//!
//! A second node, authentication, authorization, quotas, fetch sessions (clients are told that
//! there are none), the consumer protocol of KIP-848 and share groups, topics with a compression
//! of their own (batches stay as they came; any `compression.type` but `producer` is refused),
//! transactions without AddPartitionsToTxn (KIP-890).
//!
//! # When the disk fails
//!
//! A batch that there is no room for is refused with KAFKA_STORAGE_ERROR; producing goes on when there
//! is room. Where something was written and cannot be forced to the disk, the system may have dropped
//! it: from then on everything that is to be stored is refused, until the broker is started again and
//! has read its files anew. What is there can be read all the while.
//!
//! # Threads
//!
//! One thread owns all of it: there are no locks. Two others do what blocks: forcing data to the
//! disk (`flush`), and checkpoints, compaction and the removal of files (`chores`).

mod config;

mod broker;

mod settings;

mod server;

mod connection;

mod answer;

mod api;

mod node;

mod topics;

mod topic;

mod partition;

mod groups;

mod group;

mod transactions;

mod transaction;

mod waiting;

mod records;

mod log;

mod store;

mod disk;

mod flush;

mod chores;

mod time;

mod owner;

#[cfg(test)]
mod testing;

#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;

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

/// The examples of the readme compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
