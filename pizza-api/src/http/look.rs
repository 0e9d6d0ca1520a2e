//! Orders as they are.

use super::Shop;
use crate::problem::{Problem, shown};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the seed says of an order nobody knows.
const NOT_FOUND: &str = "Order not found, perhaps it's not ready yet.";

/// The most orders in one list, and how many without being told.
const MOST: i64 = 1_000;
const USUAL: i64 = 100;

#[derive(Serialize)]
pub(super) struct Order {
    id: String,
    count: i64,
    pizzas: Vec<Box<RawValue>>,
    complete: bool,
}

pub(super) async fn order(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Order>, Problem> {
    let Path(id) = path?;
    let known = shop.store.order(&id).await.map_err(|error| Problem::database(&error))?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "No such order", NOT_FOUND).of(uri.path());
    let order = known.ok_or_else(unknown)?;
    let complete = order.pizzas.len() as i64 >= order.count;
    let pizzas = order.pizzas.into_iter().map(RawValue::from_string).collect::<Result<_, _>>();
    // The view stores only what it has read as a pizza.
    let pizzas = pizzas.map_err(|error| Problem::database(&error.into()))?;
    Ok(Json(Order { id: order.id, count: order.count, pizzas, complete }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    limit: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Orders {
    orders: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    count: i64,
    complete: bool,
}

pub(super) async fn orders(
    State(shop): State<Shop>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Result<Json<Orders>, Problem> {
    let Query(Limit { limit }) = query?;
    let limit = match limit.as_deref().map_or(Ok(USUAL), str::parse) {
        Ok(limit) if (1..=MOST).contains(&limit) => limit,
        _ => {
            let limit = shown(&limit.unwrap_or_default());
            let detail = format!("limit is {limit:?}; it must be a whole number from 1 to {MOST}");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "Not a limit", detail));
        }
    };
    let orders = shop.store.orders(limit).await.map_err(|error| Problem::database(&error))?;
    let listed = orders.into_iter().map(|order| Listed {
        id: order.id,
        count: order.count,
        complete: order.complete,
    });
    Ok(Json(Orders { orders: listed.collect() }))
}
