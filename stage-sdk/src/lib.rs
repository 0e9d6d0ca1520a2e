//! A stage is an async function from one record to the next, or a reason why not. This library
//! makes it a correct, fast, operable service on Apache Kafka.
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use stage_sdk::{Context, Json, Keyed, OrFail, Result};
//!
//! #[derive(Deserialize, Serialize)]
//! struct Order { item: String, price: Option<u64> }
//!
//! async fn price(Keyed(id, Json(order)): Keyed<u64, Json<Order>>, _: &Context) -> Result<Json<Order>> {
//!     let price = quote(id).await.or_unavailable()?;   // plain `?` is a retry
//!     Ok(Json(Order { price: Some(price), ..order }))
//! }
//! # async fn quote(id: u64) -> std::io::Result<u64> { Ok(id) }
//!
//! fn main() -> std::process::ExitCode { stage_sdk::run(price) }
//! ```
//!
//! A record's road, and the rooms along it:
//!
//! ```text
//! consumer ─▶ worker ─▶ codec ─▶ your stage ─▶ codec ─▶ batch ─▶ producer
//!               │ events, effects                         │ flush, offsets, commit
//!              core, which decides                     courier, which may block
//! ```

pub mod stage;

pub mod batched;

pub mod program;

pub mod context;

pub mod codec;

pub mod record;

pub mod failure;

pub mod core;

mod worker;

mod telemetry;

pub mod admin;

mod handlers;

#[cfg(test)]
mod cost;

mod batch;

mod kafka;

mod courier;

mod lane;

pub mod keys;

mod columns;

mod redirect;

mod control;

pub mod broker;

mod topics;

mod consumer;

pub mod producer;

mod identity;

pub mod dead_letter;

pub mod service;

pub mod sink;

pub mod chain;

pub mod cli;

pub mod signals;

pub mod testing;

#[cfg(feature = "otel")]
pub mod otel;

#[cfg(not(feature = "otel"))]
#[path = "otel/none.rs"]
mod otel;

#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;

pub use batched::{Batched, Item, batched};
pub use cli::run;
pub use codec::{Bytes, Decode, Delete, Json, Keyed, Output};
pub use context::{Context, Topic};
pub use failure::{Failure, Kind, OrFail, Result};
pub use record::Record;
pub use service::{Delivery, Running, Service, StartError};
pub use stage::{IntoStage, Sends, Stage};

/// The examples of the readme compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
