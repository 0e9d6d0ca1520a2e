//! An order is placed.

use super::Shop;
use crate::order;
use crate::problem::{Document, Instead, PROBLEM, Problem, shown};
use crate::publish::Outcome;
use crate::store::Placing;
use crate::trace::Trace;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// The longest an order waits to be sent, and its client for an answer, which comes within 5 s.
const BEGIN: Duration = Duration::from_millis(4_500);
const ANSWER: Duration = Duration::from_millis(4_800);

/// The longest a repeated order waits for the first.
const REPEATED: Duration = Duration::from_secs(3);

/// An order that was placed.
#[derive(Serialize, ToSchema)]
pub(super) struct Placed {
    /// Its id.
    order_id: String,
}

/// Places an order: it is answered once the broker has all of it.
#[utoipa::path(
    post,
    path = "/order/{id}",
    operation_id = "place",
    tag = "orders",
    params(
        ("id" = u32, Path, description = "How many pizzas", minimum = 1),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "Under the same key an order is placed once, however often it is sent",
            pattern = "^[!-~]{1,255}$"
        ),
        (
            "traceparent" = Option<String>,
            Header,
            description = "The trace that the order belongs to (W3C Trace Context): each of its records has it. Without a good one it has one of its own"
        ),
    ),
    responses(
        (
            status = 201,
            description = "The order is placed",
            body = Placed,
            headers(("Location" = String, description = "Where the order is"))
        ),
        (status = 409, description = "The first order of this key is on its way", body = Document, content_type = PROBLEM),
        (status = 422, description = "Another order has this key", body = Document, content_type = PROBLEM),
        (status = 429, description = "As many orders as are taken in a second were taken", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn place(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let count = count(&path?.0, shop.max_count)?;
    let key = idempotency_key(&headers)?;
    let trace = Trace::of(&headers);
    let started = Instant::now();
    // Who repeats an order is told of it at any time; a new one is written down only if it may be placed now.
    let is_known = match &key {
        Some(key) => shop.store.is_under_way(key).await.map_err(|e| Problem::database(&e))?,
        None => false,
    };
    if !is_known {
        shop.pace.take(started)?;
    }
    loop {
        let begun = shop.store.begin_order(&order::new_id(), count.into(), key.as_deref()).await;
        match begun.map_err(|error| Problem::database(&error))? {
            Placing::Send(id) => return send(shop, id, count, trace, started).await,
            Placing::Placed(id) => return Ok(created(id)),
            Placing::Differs(before) => {
                let detail = format!(
                    "count is {count}, and under the same Idempotency-Key it was {before}; use a new key for a new order"
                );
                let title = "Another order has this Idempotency-Key";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, title, detail));
            }
            Placing::InProgress if started.elapsed() > REPEATED => {
                let detail =
                    "an order with this Idempotency-Key is being placed; ask again shortly";
                let title = "The first order is still on its way";
                return Err(Problem::new(StatusCode::CONFLICT, title, detail).again_after(2));
            }
            Placing::InProgress => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The sending runs to its end also when nobody waits any more: the row is to say what became of it.
async fn send(
    shop: Shop,
    id: String,
    count: u32,
    trace: Trace,
    started: Instant,
) -> Result<Response, Problem> {
    let (counts, contact) = (shop.counts.clone(), shop.contact.clone());
    let order = id.clone();
    let sending = tokio::spawn(async move {
        let wait = BEGIN.saturating_sub(started.elapsed());
        let outcome = shop.publisher.place(&order, count, trace, wait).await;
        let written = match outcome {
            Outcome::Placed => {
                shop.counts.placed(count);
                shop.store.placed(&order).await
            }
            Outcome::NotPlaced => shop.store.failed(&order).await,
            Outcome::Unknown => Err(anyhow::anyhow!("its outcome is not known")),
        };
        if let Err(error) = written {
            // The topic tells later.
            tracing::warn!("order {order} stays pending: {error:#}");
        }
        outcome
    });
    let outcome = tokio::time::timeout(ANSWER.saturating_sub(started.elapsed()), sending).await;
    match outcome {
        Ok(Ok(Outcome::Placed)) => Ok(created(id)),
        Ok(Ok(Outcome::NotPlaced)) => {
            counts.unavailable();
            let trouble = contact.borrow().trouble.clone();
            let trouble = trouble.unwrap_or_else(|| "the broker does not answer".into());
            let detail = format!("{trouble}; nothing was ordered, so try again shortly");
            Err(Problem::away(detail))
        }
        Ok(Ok(Outcome::Unknown) | Err(_)) | Err(_) => {
            counts.unavailable();
            let detail = format!(
                "the broker stopped answering while it took the order; within a minute of its return /order/{id} shows the order, or nothing was ordered. With an Idempotency-Key it is safe to try again"
            );
            Err(Problem::away(detail))
        }
    }
}

fn created(id: String) -> Response {
    let place = format!("/order/{id}");
    (StatusCode::CREATED, [(header::LOCATION, place)], Json(Placed { order_id: id }))
        .into_response()
}

fn count(text: &str, most: u32) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.filter(|_| text.bytes().all(|b| b.is_ascii_digit())).ok_or_else(|| {
        let text = shown(text);
        let detail = format!("count is {text:?}; it must be a whole number from 1 to {most}");
        Problem::new(StatusCode::BAD_REQUEST, "Not a number of pizzas", detail)
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let values: Vec<_> = headers.get_all("idempotency-key").iter().collect();
    let Some(first) = values.first() else { return Ok(None) };
    let value = String::from_utf8_lossy(first.as_bytes());
    let good = (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    let detail = match values.len() {
        1 if good => return Ok(Some(value.into_owned())),
        1 => format!(
            "Idempotency-Key is {:?}; it must be 1 to 255 visible ASCII characters",
            shown(&value)
        ),
        times => format!("Idempotency-Key is given {times} times; it must be given once"),
    };
    Err(Problem::new(StatusCode::BAD_REQUEST, "Not an Idempotency-Key", detail))
}
