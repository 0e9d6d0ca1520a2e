//! Orders as they are.

use super::Shop;
use crate::problem::{Document, Instead, PROBLEM, Problem, shown};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// What the seed says of an order nobody knows.
const NOT_FOUND: &str = "Order not found, perhaps it's not ready yet.";

/// The most orders in one list, and how many without being told.
const MOST: i64 = 1_000;
const USUAL: i64 = 100;

/// An order and what is finished of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Order {
    id: String,
    /// Pizzas ordered.
    #[schema(minimum = 1)]
    count: i64,
    /// Pizzas finished, as the last topic has them.
    #[schema(value_type = Vec<Object>)]
    pizzas: Vec<Box<RawValue>>,
    /// Whether these are all.
    complete: bool,
}

/// An order, and the pizzas that are finished so far.
#[utoipa::path(
    get,
    path = "/order/{id}",
    operation_id = "order",
    tag = "orders",
    params(("id" = String, Path, description = "What placing the order gave")),
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 404, description = "Nobody placed it", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn order(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Order>, Problem> {
    let Path(id) = path?;
    let known = shop.store.order(&id).await.map_err(|error| Problem::database(&error))?;
    let order = known.ok_or_else(|| unknown(&uri))?;
    let complete = order.pizzas.len() as i64 >= order.count;
    let pizzas = order.pizzas.into_iter().map(RawValue::from_string).collect::<Result<_, _>>();
    // The view stores only what it has read as a pizza.
    let pizzas = pizzas.map_err(|error| Problem::database(&error.into()))?;
    Ok(Json(Order { id: order.id, count: order.count, pizzas, complete }))
}

/// An order that nobody placed.
pub(super) fn unknown(uri: &Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "No such order", NOT_FOUND).of(uri.path())
}

/// How many orders are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// The most there are to be.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
}

/// The newest orders, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Orders {
    orders: Vec<Listed>,
}

/// An order in a list.
#[derive(Serialize, ToSchema)]
struct Listed {
    id: String,
    count: i64,
    complete: bool,
}

/// The newest orders.
#[utoipa::path(
    get,
    path = "/orders",
    operation_id = "orders",
    tag = "orders",
    params(Limit),
    responses(
        (status = 200, description = "The orders", body = Orders),
        Instead,
    )
)]
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
        complete: order.done >= order.count,
        id: order.id,
        count: order.count,
    });
    Ok(Json(Orders { orders: listed.collect() }))
}
