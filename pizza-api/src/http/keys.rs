//! What is decided of keys that wait in retry lanes.

use super::Shop;
use super::guard::MayDecide;
use crate::problem::{Document, Instead, PROBLEM, Problem, shown};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use stage_sdk::chain::StageRoute;
use stage_sdk::dead_letter::Place;
use stage_sdk::keys::{self, Decided, Decision};
use std::time::Duration;
use utoipa::ToSchema;

/// How long a stage has to do what was decided, before it is only asked for.
const WAIT: Duration = Duration::from_secs(5);

/// What came of a decision.
#[derive(Serialize, ToSchema)]
pub(super) struct Answer {
    /// Whether it is done; if not, the stage does it as soon as it runs.
    done: bool,
    /// How many records it concerned; 0: all of it was done before. Null: it is not done.
    records: Option<u32>,
    /// How many records of the key wait now. Null: it is not done.
    waiting: Option<usize>,
}

/// Decides about a blocked key: `retry-now` tries its first record, `skip` gives that up to the dead letters and goes
/// on with the next, `release` gives up all that wait now. It acts on what waits now: given twice it does nothing more.
#[utoipa::path(
    post,
    path = "/stages/{stage}/keys/{first}/{decision}",
    operation_id = "decide",
    tag = "decisions",
    params(
        ("stage" = String, Path, description = "A stage that parks"),
        ("first" = String, Path, description = "The key's first record, as /keys has it"),
        ("decision" = inline(Word), Path, description = "What is to become of it"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "It is done", body = Answer),
        (status = 202, description = "It is asked for: the stage has not done it yet", body = Answer),
        (status = 401, description = "It needs the token", body = Document, content_type = PROBLEM),
        (status = 403, description = "Not from here", body = Document, content_type = PROBLEM),
        (status = 404, description = "No such stage or decision, or the record does not wait", body = Document, content_type = PROBLEM),
        (status = 409, description = "The record waits behind another", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn decide(
    _may: MayDecide,
    State(shop): State<Shop>,
    path: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let Path((stage, first, decision)) = path?;
    let route = stage_of(&shop, &stage)?.clone();
    let nothing = |detail: String| Problem::new(StatusCode::NOT_FOUND, "Nothing waits", detail);
    let decision = match decision.as_str() {
        "retry-now" => Decision::RetryNow,
        "skip" => Decision::Skip,
        "release" => Decision::Release,
        other => {
            let detail = format!("{:?} is none; retry-now, skip and release are", shown(other));
            return Err(Problem::new(StatusCode::NOT_FOUND, "No such decision", detail));
        }
    };
    let waits = |why: &str| format!("record is {:?}; {why}", shown(&first));
    let place: Place = first.parse().map_err(|why: String| nothing(waits(&why)))?;
    if !route.policy().policy.parks() {
        return Err(nothing(format!("stage {stage} parks no records")));
    }
    tracing::info!(stage, first, decision = ?decision, "an operator has decided about a key");
    let broker = shop.broker.clone();
    let ask = move || keys::decide(&broker, &route, &place, decision, WAIT);
    let decided = shop.desk.decide(ask).await;
    shop.last_keys.are_old();
    let (status, answer) = match decided? {
        Decided::Nothing => return Err(nothing(waits("it does not wait, or no more"))),
        Decided::Behind(other) => {
            let detail = waits(&format!("it waits behind {other}: decide about that one"));
            return Err(Problem::new(StatusCode::CONFLICT, "Not the first", detail));
        }
        Decided::Asked => {
            (StatusCode::ACCEPTED, Answer { done: false, records: None, waiting: None })
        }
        Decided::Done { records, waiting } => {
            let answer = Answer { done: true, records: Some(records), waiting: Some(waiting) };
            (StatusCode::OK, answer)
        }
    };
    Ok((status, Json(answer)))
}

/// The words for decisions.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[allow(dead_code, reason = "it describes")]
enum Word {
    RetryNow,
    Skip,
    Release,
}

/// A stage of the chain.
pub(super) fn stage_of<'s>(shop: &'s Shop, name: &str) -> Result<&'s StageRoute, Problem> {
    shop.chain.stage(name).ok_or_else(|| {
        let known: Vec<&str> = shop.chain.stages.iter().map(|stage| stage.name.as_str()).collect();
        let detail = format!("stage is {:?}; the chain has {}", shown(name), known.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "No such stage", detail)
    })
}
