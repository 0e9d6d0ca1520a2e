//! The routes.

mod counts;

mod description;

mod desk;

mod events;

mod guard;

mod health;

mod keys;

mod kitchen;

mod letters;

mod limits;

mod look;

mod pace;

mod page;

mod place;

mod waiting;

pub use counts::Counts;
pub use desk::Desk;
pub use guard::Guard;
pub use pace::Pace;
pub use waiting::LastKeys;

use crate::contact::Contact;
use crate::gauges::ViewGauge;
use crate::kitchen::Kitchen;
use crate::problem::{Problem, shown};
use crate::publish::Publisher;
use crate::store::Store;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use stage_sdk::broker::Broker;
use stage_sdk::chain::Chain;
use std::sync::Arc;
use tokio::sync::watch;

/// What the routes share.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Orders and pizzas.
    pub store: Store,
    /// The way to Kafka.
    pub publisher: Publisher,
    /// What is known of the broker.
    pub contact: watch::Receiver<Contact>,
    /// The most pizzas in one order.
    pub max_count: u32,
    /// The most orders in a second.
    pub pace: Pace,
    /// How the view stands.
    pub view: ViewGauge,
    /// Counts for `/metrics`.
    pub counts: Arc<Counts>,
    /// What the page shows.
    pub kitchen: Kitchen,
    /// Where the brokers are.
    pub broker: Broker,
    /// The route map.
    pub chain: Arc<Chain>,
    /// Where the broker is asked for who asks us.
    pub desk: Desk,
    /// What waited in the retry lanes when somebody asked last.
    pub last_keys: LastKeys,
    /// Who may decide what becomes of keys and dead letters.
    pub guard: Guard,
    /// Becomes true when the shop closes: streams of events end then.
    pub stopped: watch::Receiver<bool>,
}

/// All routes of the shop.
pub fn routes(shop: Shop) -> Router {
    let limits = limits::Limits::new(shop.counts.clone());
    Router::new()
        .route("/order/{id}", post(place::place).get(look::order).fallback(wrong_method))
        .route("/order/{id}/events", get(events::order).fallback(wrong_method))
        .route("/orders", get(look::orders).fallback(wrong_method))
        .route("/events", get(events::shop).fallback(wrong_method))
        .route("/chain", get(kitchen::chain).fallback(wrong_method))
        .route("/topics/{name}/records", get(kitchen::records).fallback(wrong_method))
        .route("/keys", get(waiting::waiting).fallback(wrong_method))
        .route("/stages/{stage}/keys/{first}/{decision}", post(keys::decide).fallback(wrong_method))
        .route("/stages/{stage}/dead-letters", get(letters::open).fallback(wrong_method))
        .route("/stages/{stage}/dead-letters/replay", post(letters::replay).fallback(wrong_method))
        .route("/healthz", get(health::alive).fallback(wrong_method))
        .route("/livez", get(health::lives).fallback(wrong_method))
        .route("/readyz", get(health::ready).fallback(wrong_method))
        .route("/openapi.json", get(description::told).fallback(wrong_method))
        .route("/metrics", get(health::metrics).fallback(wrong_method))
        .merge(page::routes())
        .fallback(no_such_page)
        .layer(from_fn_with_state(shop.guard.clone(), guard::within))
        .layer(from_fn_with_state(limits, limits::within))
        .with_state(shop)
}

async fn no_such_page(uri: Uri) -> Problem {
    let detail = format!(
        "path is {:?}; the shop has /order/{{count}}, /order/{{id}}, /orders, /keys, /stages/{{stage}}/dead-letters, /docs, /openapi.json, /healthz, /livez, /readyz and /metrics",
        shown(uri.path())
    );
    Problem::new(StatusCode::NOT_FOUND, "No such page", detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "method is {}, which {:?} does not have; the header Allow says which it has",
        shown(method.as_str()),
        shown(uri.path())
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Wrong method", detail)
}
