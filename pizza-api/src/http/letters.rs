//! Dead letters: why they died, and their way back.

use super::Shop;
use super::guard::MayDecide;
use super::keys::stage_of;
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

/// What is shown of a key, a value and what the error says, in characters.
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
    /// The message, the key or the value is longer than what is shown.
    cut: bool,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Letter {
        let mut cut = letter.value_dropped.is_some();
        let mut shown = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            cut |= text.chars().nth(SHOWN).is_some();
            text.chars().take(SHOWN).collect::<String>()
        };
        let reason = letter.disposition.as_deref().map(|text| shown(text.as_bytes()));
        let message = letter.message.as_deref().map(|text| shown(text.as_bytes()));
        let (key, value) =
            (letter.key.as_deref().map(&mut shown), letter.value.as_deref().map(shown));
        Letter {
            partition: letter.partition,
            offset: letter.offset,
            died: letter.died(),
            from: letter.origin_place().map(|place| place.to_string()),
            reason,
            message,
            attempts: letter.attempts,
            replays: letter.replays,
            key,
            value,
            cut,
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
    Ok(Json(shop.desk.ask(look).await?))
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

/// Where replayed letters go.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goes {
    /// The stage's retry lane: no other reader of its topic sees them again
    RetryLane,
    /// The topic that each came from: whoever reads it sees them again
    Source,
}

/// Which are replayed, and where they go.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    /// Those whose disposition, error class or message has this in it, in upper or lower case.
    reason: Option<String>,
    /// The one at this partition and offset of the dead-letter topic, such as 2:17.
    #[param(pattern = r"^[0-9]{1,5}:[0-9]{1,18}$")]
    at: Option<String>,
    /// Where they go; the retry lane, if the stage has one by the route map, and else the source.
    #[param(inline)]
    to: Option<Goes>,
}

/// Replays the open dead letters of a stage, each once and in order. Asked again, it goes on where it was.
#[utoipa::path(
    post,
    path = "/stages/{stage}/dead-letters/replay",
    operation_id = "replay",
    tag = "decisions",
    params(("stage" = String, Path, description = "A stage of the chain"), Replay),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "They are on their way", body = Outcome),
        (status = 401, description = "It needs the token", body = Document, content_type = PROBLEM),
        (status = 403, description = "Not from here", body = Document, content_type = PROBLEM),
        (status = 404, description = "The chain has no such stage", body = Document, content_type = PROBLEM),
        (status = 409, description = "It has no retry lane, or a replay of it is under way", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn replay(
    _may: MayDecide,
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Replay>, QueryRejection>,
) -> Result<Json<Outcome>, Problem> {
    let Path(stage) = path?;
    let Query(Replay { reason, at, to }) = query?;
    let filter = Which { reason, at }.filter()?;
    let to = match (to, stage_of(&shop, &stage)?.policy().policy.parks()) {
        (Some(Goes::RetryLane), false) => {
            let detail = format!(
                "stage {stage} parks no records; with to=source they go where they came from"
            );
            return Err(Problem::new(StatusCode::CONFLICT, "No retry lane", detail));
        }
        (None | Some(Goes::RetryLane), true) => To::RetryLane,
        (None, false) | (Some(Goes::Source), _) => To::Source,
    };
    let replaying = shop.desk.replay(&stage)?;
    tracing::info!(stage, ?to, "an operator has dead letters replayed");
    let (chain, broker) = (shop.chain.clone(), shop.broker.clone());
    let send = move || {
        let _replaying = replaying;
        Letters::of(&chain, &broker, &stage)?.replay(&filter, to)
    };
    let done = shop.desk.decide(send).await;
    // Also where it failed half-way.
    shop.last_keys.are_old();
    let done = done?;
    let left = done.left.into_iter().map(|(why, count)| Left { why, count }).collect();
    Ok(Json(Outcome { replayed: done.replayed, left }))
}
