//! Keys that wait in retry lanes, and what is decided of them.

use super::guard::MayDecide;
use super::{Shop, blocking};
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

/// The most keys in one answer.
const MOST: usize = 100;

/// How long a stage has to do what was decided, before it is only asked for.
const WAIT: Duration = Duration::from_secs(5);

/// What waits in the retry lanes.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    /// At most 100: the held first, then the longest blocked.
    keys: Vec<Blocked>,
    /// How many there are.
    count: usize,
}

/// A key whose first record could not be handled; what came later of it waits behind that.
#[derive(Serialize, ToSchema)]
struct Blocked {
    /// The stage in whose lane it waits.
    stage: String,
    /// The key as text; what is none of it is escaped.
    key: String,
    /// Its first record, as decisions name it.
    first: String,
    /// How many records of it wait.
    records: usize,
    /// It waits until somebody decides.
    held: bool,
    /// When it is tried next, in milliseconds since 1970; null: it is held.
    due: Option<u64>,
    /// How often it was tried.
    attempts: u32,
    /// When it failed first, in milliseconds since 1970.
    first_failure: Option<u64>,
    /// What it failed with last.
    error: Option<String>,
}

impl From<keys::Blocked> for Blocked {
    fn from(blocked: keys::Blocked) -> Blocked {
        let keys::Blocked { first, records } = blocked;
        Blocked {
            first: format!("{}-{}-{}", first.topic, first.partition, first.offset),
            stage: first.stage,
            key: first.key,
            records,
            held: first.held,
            due: first.due,
            attempts: first.attempts,
            first_failure: first.first_failure,
            error: first.error,
        }
    }
}

/// The keys that wait in the retry lanes of all stages.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "keys",
    tag = "decisions",
    responses((status = 200, description = "The keys", body = Keys), Instead)
)]
pub(super) async fn waiting(State(shop): State<Shop>) -> Result<Json<Keys>, Problem> {
    let (broker, chain) = (shop.broker.clone(), shop.chain.clone());
    let look = move || {
        let parking = chain.stages.iter().filter(|stage| stage.policy().policy.parks());
        let mut all = Vec::new();
        for stage in parking {
            all.extend(keys::blocked(&broker, stage)?);
        }
        all.sort_by_key(|key| (!key.first.held, key.first.first_failure.unwrap_or(u64::MAX)));
        Ok(all)
    };
    let all = blocking(&shop, look).await?;
    let count = all.len();
    Ok(Json(Keys { keys: all.into_iter().take(MOST).map(Blocked::from).collect(), count }))
}

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
    let broker = shop.broker.clone();
    let ask = move || keys::decide(&broker, &route, &place, decision, WAIT);
    let (status, answer) = match blocking(&shop, ask).await? {
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
