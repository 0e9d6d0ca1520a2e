//! The routes.

use crate::order;
use crate::problem::{Problem, shown};
use crate::publish::{Outcome, Publisher};
use crate::store::{Placing, Store};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest an order waits for the broker: an answer comes within five seconds.
const PLACE: Duration = Duration::from_millis(4_500);

/// The longest a repeated order waits for the first.
const REPEATED: Duration = Duration::from_secs(3);

/// What the seed says of an order nobody knows.
const NOT_FOUND: &str = "Order not found, perhaps it's not ready yet.";

/// What the routes share.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Orders and pizzas.
    pub store: Store,
    /// The way to Kafka.
    pub publisher: Publisher,
    /// The most pizzas in one order.
    pub max_count: u32,
    /// Whether the view is being kept.
    pub view_runs: Arc<AtomicBool>,
    /// Counts for `/metrics`.
    pub counts: Arc<Counts>,
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Counts {
    orders: AtomicU64,
    pizzas: AtomicU64,
    unavailable: AtomicU64,
}

/// All routes of the shop.
pub fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/order/{id}", post(place).get(look).fallback(wrong_method))
        .route("/orders", get(list).fallback(wrong_method))
        .route("/healthz", get(|| async { "ok\n" }).fallback(wrong_method))
        .route("/readyz", get(ready).fallback(wrong_method))
        .route("/metrics", get(metrics).fallback(wrong_method))
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "No such page",
                "the shop has /order/{count}, /order/{id}, /orders, /healthz, /readyz and /metrics",
            )
        })
        .layer(DefaultBodyLimit::max(4_096))
        .with_state(shop)
}

#[derive(Serialize)]
struct Placed {
    order_id: String,
}

async fn place(
    State(shop): State<Shop>,
    Path(count): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let count = match count.parse::<u32>() {
        Ok(number)
            if (1..=shop.max_count).contains(&number)
                && count.bytes().all(|b| b.is_ascii_digit()) =>
        {
            number
        }
        _ => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "Not a number of pizzas",
                format!(
                    "count is {:?}; it must be a whole number from 1 to {}",
                    shown(&count),
                    shop.max_count
                ),
            ));
        }
    };
    let key = idempotency_key(&headers)?;
    let started = Instant::now();
    loop {
        let begun = shop.store.begin_order(&order::new_id(), count.into(), key.as_deref()).await;
        match begun.map_err(|error| Problem::database(&error))? {
            Placing::Send(id) => return send(&shop, id, count).await,
            Placing::Placed(id) => return Ok(created(id)),
            Placing::Differs(before) => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "Another order has this Idempotency-Key",
                    format!(
                        "count is {count}, and under the same Idempotency-Key it was {before}; use a new key for a new order"
                    ),
                ));
            }
            Placing::InProgress if started.elapsed() > REPEATED => {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    "The first order is still on its way",
                    "an order with this Idempotency-Key is being placed; ask again shortly",
                ));
            }
            Placing::InProgress => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Runs to its end also if the client goes away: the row is to say what became of the order.
async fn send(shop: &Shop, id: String, count: u32) -> Result<Response, Problem> {
    let shop = shop.clone();
    let task = tokio::spawn(async move {
        match shop.publisher.place(&id, count, PLACE).await {
            Outcome::Placed => {
                shop.counts.orders.fetch_add(1, Ordering::Relaxed);
                shop.counts.pizzas.fetch_add(count.into(), Ordering::Relaxed);
                shop.store.placed(&id).await.map_err(|error| Problem::database(&error))?;
                return Ok(created(id));
            }
            Outcome::NotPlaced => {
                if let Err(error) = shop.store.failed(&id).await {
                    tracing::warn!("order {id} stays pending: {error:#}");
                }
            }
            Outcome::Unknown => {
                tracing::warn!("order {id} stays pending: its outcome is not known")
            }
        }
        shop.counts.unavailable.fetch_add(1, Ordering::Relaxed);
        Err(Problem::away(
            "the broker does not answer; no part of the order is visible. Try again shortly, with the same Idempotency-Key if you sent one",
        ))
    });
    task.await.unwrap_or_else(|_| Err(Problem::away("the order could not be placed")))
}

fn created(id: String) -> Response {
    let place = format!("/order/{id}");
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(Placed { order_id: id }))
        .into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(text)
            if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Ok(Some(text.to_owned()))
        }
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Not an Idempotency-Key",
            "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces",
        )),
    }
}

#[derive(Serialize)]
struct Order {
    id: String,
    count: i64,
    pizzas: Vec<Box<RawValue>>,
    complete: bool,
}

async fn look(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Response, Problem> {
    let known = if id.len() <= 64 { shop.store.order(&id).await } else { Ok(None) };
    let order = known.map_err(|error| Problem::database(&error))?;
    let order =
        order.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "No such order", NOT_FOUND))?;
    let complete = order.pizzas.len() as i64 >= order.count;
    let pizzas =
        order.pizzas.into_iter().filter_map(|body| RawValue::from_string(body).ok()).collect();
    let body = Json(Order { id: order.id, count: order.count, pizzas, complete });
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    count: i64,
    complete: bool,
}

async fn list(
    State(shop): State<Shop>,
    Query(Limit { limit }): Query<Limit>,
) -> Result<Response, Problem> {
    let limit = match limit.as_deref().unwrap_or("100").parse::<i64>() {
        Ok(limit) if (1..=1_000).contains(&limit) => limit,
        _ => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "Not a limit",
                format!(
                    "limit is {:?}; it must be a whole number from 1 to 1000",
                    shown(&limit.unwrap_or_default())
                ),
            ));
        }
    };
    let orders = shop.store.orders(limit).await.map_err(|error| Problem::database(&error))?;
    let orders: Vec<Listed> = orders
        .into_iter()
        .map(|order| Listed { id: order.id, count: order.count, complete: order.complete })
        .collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "orders": orders })))
        .into_response())
}

async fn ready(State(shop): State<Shop>) -> Result<&'static str, Problem> {
    let mut missing = Vec::new();
    if !shop.publisher.is_connected() {
        missing.push("the broker does not answer");
    }
    if shop.store.ping().await.is_err() {
        missing.push("the database does not answer");
    }
    if !shop.view_runs.load(Ordering::Relaxed) {
        missing.push("finished pizzas are not being gathered");
    }
    if missing.is_empty() { Ok("ready\n") } else { Err(Problem::away(missing.join("; "))) }
}

async fn metrics(State(shop): State<Shop>) -> Response {
    let count = |value: &AtomicU64| value.load(Ordering::Relaxed);
    let up = |up: bool| u8::from(up);
    let text = format!(
        "# TYPE pizza_orders_placed counter\npizza_orders_placed_total {}\n\
         # TYPE pizza_pizzas_ordered counter\npizza_pizzas_ordered_total {}\n\
         # TYPE pizza_orders_unavailable counter\npizza_orders_unavailable_total {}\n\
         # TYPE pizza_broker_up gauge\npizza_broker_up {}\n\
         # TYPE pizza_view_up gauge\npizza_view_up {}\n",
        count(&shop.counts.orders),
        count(&shop.counts.pizzas),
        count(&shop.counts.unavailable),
        up(shop.publisher.is_connected()),
        up(shop.view_runs.load(Ordering::Relaxed)),
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Wrong method",
        "this page has another method; see Allow",
    )
}
