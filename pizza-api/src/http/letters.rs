//! Dead letters: why they died, and their way back.

use super::guard::MayDecide;
use super::keys::stage_of;
use super::{Shop, blocking};
use crate::problem::{Document, Instead, PROBLEM, Problem, shown};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use stage_sdk::dead_letter::{DeadLetter, Filter, Letters, Offsets, To};
use utoipa::{IntoParams, ToSchema};

/// The most letters in one answer.
const MOST: usize = 50;

/// What is shown of a value.
const SHOWN: usize = 2_000;

/// Which of the open dead letters are meant: all that each of these lets through.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Those whose disposition, error class or message has this in it, in upper or lower case.
    reason: Option<String>,
    /// The one at this partition and offset of the dead-letter topic, such as 2:17.
    #[param(pattern = r"^[0-9]{1,5}:[0-9]{1,18}$")]
    at: Option<String>,
}

impl Which {
    fn filter(self) -> Result<Filter, Problem> {
        let one = self.at.map(|at| {
            let of_one = at.parse::<Offsets>().ok().filter(|offsets| {
                let range = &offsets.range;
                range.start() == range.end()
            });
            of_one.ok_or_else(|| {
                let detail = format!("at is {:?}; expected PARTITION:OFFSET, as 2:17", shown(&at));
                Problem::new(StatusCode::BAD_REQUEST, "Not a place", detail)
            })
        });
        let offsets = one.transpose()?.into_iter().collect();
        Ok(Filter { reason: self.reason, offsets, ..Filter::default() })
    }
}

/// The open dead letters of a stage.
#[derive(Serialize, ToSchema)]
pub(super) struct Pile {
    /// Where they lie.
    topic: String,
    /// At most 50, the newest first.
    letters: Vec<Letter>,
    /// How many there are.
    count: usize,
}

/// A record that a stage could not handle.
#[derive(Serialize, ToSchema)]
struct Letter {
    /// Its partition in the dead-letter topic.
    partition: i32,
    /// Its offset there.
    offset: i64,
    /// When it died, in milliseconds since 1970.
    died: i64,
    /// Where the record lay; null: its writer does not say.
    from: Option<String>,
    /// Why it is here, in one word.
    reason: Option<String>,
    /// What the error says.
    message: Option<String>,
    /// How often it was tried.
    attempts: Option<u32>,
    /// How often it was replayed before.
    replays: u32,
    /// Bytes that are no text are replaced.
    key: Option<String>,
    /// As the key.
    value: Option<String>,
    /// The value is longer than what is shown.
    cut: bool,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Letter {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(SHOWN).collect();
        Letter {
            partition: letter.partition,
            offset: letter.offset,
            died: letter.last_failure.unwrap_or(letter.time),
            from: letter.origin_place().map(|place| place.to_string()),
            reason: letter.disposition,
            message: letter.message,
            attempts: letter.attempts,
            replays: letter.replays,
            cut: letter.value.as_ref().is_some_and(|value| value.len() > SHOWN)
                || letter.value_dropped.is_some(),
            key: letter.key.as_deref().map(text),
            value: letter.value.as_deref().map(text),
        }
    }
}

/// The dead letters of a stage that nobody has replayed or dropped. It reads the whole topic: of many thousands
/// `pizza dead-letters` tells more.
#[utoipa::path(
    get,
    path = "/stages/{stage}/dead-letters",
    operation_id = "dead_letters",
    tag = "decisions",
    params(("stage" = String, Path, description = "A stage of the chain"), Which),
    responses(
        (status = 200, description = "The dead letters", body = Pile),
        (status = 404, description = "The chain has no such stage", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn open(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Pile>, Problem> {
    let Path(stage) = path?;
    let filter = query?.0.filter()?;
    stage_of(&shop, &stage)?;
    let (chain, broker) = (shop.chain.clone(), shop.broker.clone());
    let look = move || {
        let letters = Letters::of(&chain, &broker, &stage)?;
        let (newest, count) = letters.newest(&filter, MOST)?;
        let shown = newest.into_iter().map(Letter::from).collect();
        Ok(Pile { topic: letters.topic().to_owned(), letters: shown, count })
    };
    Ok(Json(blocking(&shop, look).await?))
}

/// What a replay did.
#[derive(Serialize, ToSchema)]
pub(super) struct Outcome {
    /// Letters that were replayed, and are done with.
    replayed: u64,
    /// Letters that stay open.
    left: Vec<Left>,
}

/// Letters that stay open.
#[derive(Serialize, ToSchema)]
struct Left {
    why: String,
    count: u64,
}

/// Replays the open dead letters of a stage, each once and in order: to its retry lane, so that no other reader of
/// its topic sees them again; where it has none, to the topic that each came from. Asked again, it goes on where it was.
#[utoipa::path(
    post,
    path = "/stages/{stage}/dead-letters/replay",
    operation_id = "replay",
    tag = "decisions",
    params(("stage" = String, Path, description = "A stage of the chain"), Which),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "They are on their way", body = Outcome),
        (status = 401, description = "It needs the token", body = Document, content_type = PROBLEM),
        (status = 403, description = "Not from here", body = Document, content_type = PROBLEM),
        (status = 404, description = "The chain has no such stage", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn replay(
    _may: MayDecide,
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Outcome>, Problem> {
    let Path(stage) = path?;
    let filter = query?.0.filter()?;
    let to = match stage_of(&shop, &stage)?.policy().policy.parks() {
        true => To::RetryLane,
        false => To::Source,
    };
    let (chain, broker) = (shop.chain.clone(), shop.broker.clone());
    let send = move || Letters::of(&chain, &broker, &stage)?.replay(&filter, to);
    let done = blocking(&shop, send).await?;
    let left = done.left.into_iter().map(|(why, count)| Left { why, count }).collect();
    Ok(Json(Outcome { replayed: done.replayed, left }))
}
