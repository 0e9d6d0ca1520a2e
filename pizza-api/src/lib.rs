//! The HTTP API of the pizza shop: takes orders, and gathers finished pizzas.
//!
//! `POST /order/{count}` -> store (pending) -> publish -> topic `pizza` … the stages … last topic
//! -> view -> store -> `GET /order/{id}`
//!
//! The page at `/` shows all of it while it happens: [`kitchen`].

pub mod config;

pub mod cluster;

pub mod running;

pub mod listen;

pub mod http;

pub mod problem;

pub mod order;

pub mod trace;

pub mod store;

pub mod publish;

pub mod resolve;

pub mod view;

pub mod contact;

pub mod gauges;

pub mod kitchen;

pub use config::{Args, Config};
pub use running::{Running, open};
