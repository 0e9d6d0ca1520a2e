//! What the API is, in OpenAPI 3.1: each route says beside it what it takes and answers, and is named here.

use super::{Shop, events, health, keys, kitchen, letters, look, place, waiting};
use crate::problem::Instead;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

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
        events::order,
        events::shop,
        kitchen::chain,
        kitchen::records,
        waiting::waiting,
        keys::decide,
        letters::open,
        letters::replay,
        told,
        health::alive,
        health::lives,
        health::ready,
        health::metrics
    ),
    modifiers(&Token)
)]
struct Description;

/// What a decision may need.
struct Token;

impl Modify for Token {
    fn modify(&self, all: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        all.components.get_or_insert_default().add_security_scheme("token", bearer);
    }
}

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
    ([(header::CONTENT_TYPE, "application/json")], with(shop.max_count).to_string()).into_response()
}

/// The description of a shop whose largest order has so many pizzas.
fn with(max_count: u32) -> Value {
    let mut all = serde_json::to_value(Description::openapi()).unwrap_or_default();
    if let Some(schema) = all.pointer_mut(MOST).and_then(Value::as_object_mut) {
        schema.insert("maximum".into(), max_count.into());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_order_stands_beside_the_smallest() {
        let all = with(77);
        let count = all.pointer(MOST).unwrap();
        assert_eq!((&count["minimum"], &count["maximum"]), (&1.into(), &77.into()), "{all}");
    }

    #[test]
    fn every_route_is_described() {
        let routes = include_str!("../http.rs").split(".route(").skip(1);
        let routes: Vec<&str> = routes.filter_map(|text| text.split('"').nth(1)).collect();
        let all = with(1);
        let missing = routes.iter().filter(|path| all["paths"].get(path).is_none());
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
        assert_eq!(all["paths"].as_object().unwrap().len(), routes.len());
    }
}
