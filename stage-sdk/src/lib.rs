//! A stage is an async function from one record to the next, or a reason why not.

pub mod stage;

pub mod context;

pub mod codec;

pub mod record;

pub mod failure;

pub mod core;

mod worker;

mod handlers;

mod batch;

mod kafka;

mod courier;

pub mod broker;

mod topics;

mod consumer;

pub mod producer;

mod identity;

mod dead_letter;

pub mod service;

pub mod sink;

pub mod chain;

pub mod cli;

pub use cli::run;
pub use codec::{Bytes, Decode, Delete, Json, Keyed, Output};
pub use context::{Context, Topic};
pub use failure::{Failure, Kind, OrFail, Result};
pub use record::Record;
pub use service::{Delivery, Running, Service, StartError};
pub use stage::{IntoStage, Stage};
