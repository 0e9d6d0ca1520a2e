//! What the API is, in OpenAPI 3.1, made from the routes themselves.

use super::{Shop, health, look, place};
use crate::problem::Instead;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pizza shop",
        description = "Takes orders, and gathers the pizzas that the stages have finished."
    ),
    paths(
        place::place,
        look::order,
        look::orders,
        told,
        health::alive,
        health::ready,
        health::metrics
    )
)]
struct Description;

/// Where the largest order stands in it.
const MOST: &str = "/paths/~1order~1{id}/post/parameters/0/schema";

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "description",
    tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Instead)
)]
pub(super) async fn told(State(shop): State<Shop>) -> Response {
    let mut all = serde_json::to_value(Description::openapi()).unwrap_or_default();
    if let Some(schema) = all.pointer_mut(MOST).and_then(Value::as_object_mut) {
        schema.insert("maximum".into(), shop.max_count.into());
    }
    ([(header::CONTENT_TYPE, "application/json")], all.to_string()).into_response()
}
