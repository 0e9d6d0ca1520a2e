//! The chain and its topics, for the page.

use super::Shop;
use super::guard::Decisions;
use crate::kitchen::{self, Map, Record};
use crate::problem::{Document, Instead, PROBLEM, Problem, shown};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Version};
use serde::{Deserialize, Serialize};
use stage_sdk::StartError;
use utoipa::{IntoParams, ToSchema};

/// The most records in one answer, and how many without being told.
const MOST: usize = 100;
const USUAL: usize = 20;

/// The chain, and what may be ordered of it.
#[derive(Serialize, ToSchema)]
pub(super) struct Drawn {
    #[serde(flatten)]
    chain: Map,
    /// The most pizzas in one order.
    max_count: u32,
    /// Who may decide what becomes of keys and dead letters.
    decisions: Decisions,
}

/// The chain as `topics.toml` has it.
#[utoipa::path(
    get,
    path = "/chain",
    operation_id = "chain",
    tag = "kitchen",
    responses((status = 200, description = "The chain", body = Drawn), Instead)
)]
pub(super) async fn chain(
    State(shop): State<Shop>,
    version: Version,
    headers: HeaderMap,
) -> Json<Drawn> {
    let Shop { kitchen, max_count, guard, .. } = shop;
    let decisions = guard.decisions(version, &headers);
    Json(Drawn { chain: kitchen.map().clone(), max_count, decisions })
}

/// How many records are shown.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    /// The most there are to be.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<String>,
}

/// The newest records of a topic, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Records {
    topic: String,
    records: Vec<Record>,
}

/// The newest committed records of a topic of the chain.
#[utoipa::path(
    get,
    path = "/topics/{name}/records",
    operation_id = "records",
    tag = "kitchen",
    params(("name" = String, Path, description = "A topic of the chain"), Limit),
    responses(
        (status = 200, description = "The records", body = Records),
        (status = 404, description = "The chain has no such topic", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn records(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Result<Json<Records>, Problem> {
    let Path(topic) = path?;
    let Query(Limit { limit }) = query?;
    let limit = match limit.as_deref().map_or(Ok(USUAL), str::parse) {
        Ok(limit) if (1..=MOST).contains(&limit) => limit,
        _ => {
            let limit = shown(&limit.unwrap_or_default());
            let detail = format!("limit is {limit:?}; it must be a whole number from 1 to {MOST}");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "Not a limit", detail));
        }
    };
    if shop.kitchen.map().topic(&topic).is_none() {
        let known = shop.kitchen.map().names().collect::<Vec<_>>().join(", ");
        let detail = format!("topic is {:?}; the chain has {known}", shown(&topic));
        return Err(Problem::new(StatusCode::NOT_FOUND, "No such topic", detail));
    }
    let (broker, name) = (shop.broker.clone(), topic.clone());
    let read = move || {
        kitchen::newest(&broker, &name, limit)
            .map_err(|error| StartError::Runtime(format!("topic {name}: {error}")))
    };
    let records = shop.desk.ask(read).await?;
    Ok(Json(Records { topic, records }))
}
