//! Keys that wait in retry lanes.

use super::Shop;
use crate::problem::{Instead, Problem};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use stage_sdk::StartError;
use stage_sdk::broker::Broker;
use stage_sdk::chain::Chain;
use stage_sdk::keys;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// The most keys in one answer.
const MOST: usize = 100;

/// What was found is shown so long to others who ask.
const FRESH: Duration = Duration::from_secs(4);

/// What waits in the retry lanes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Keys {
    /// At most 100: the held first, then the longest blocked.
    keys: Vec<Blocked>,
    /// How many there are.
    count: usize,
    /// Stages of which it is not known.
    unknown: Vec<Unknown>,
}

/// A stage of which is not known what waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Unknown {
    stage: String,
    /// What is not in order.
    why: String,
}

/// A key whose first record could not be handled; what came later of it waits behind that.
#[derive(Clone, Debug, Serialize, ToSchema)]
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

/// What was found last, and since when decisions have made it old; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct LastKeys {
    found: Arc<Mutex<Option<Found>>>,
    decisions: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Found {
    keys: Keys,
    at: Instant,
    /// How many decisions there had been.
    decisions: u64,
}

impl LastKeys {
    /// Somebody has decided: what was found before is old.
    pub(super) fn are_old(&self) {
        self.decisions.fetch_add(1, Ordering::AcqRel);
    }
}

/// The keys that wait in the retry lanes of all stages, as they were found within the last four seconds, or now.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "keys",
    tag = "decisions",
    responses((status = 200, description = "The keys", body = Keys), Instead)
)]
pub(super) async fn waiting(State(shop): State<Shop>) -> Result<Json<Keys>, Problem> {
    // Every open page asks again and again: one question is for all that ask meanwhile.
    let mut last = shop.last_keys.found.clone().lock_owned().await;
    let decisions = shop.last_keys.decisions.load(Ordering::Acquire);
    let is_fresh = |found: &&Found| found.decisions == decisions && found.at.elapsed() < FRESH;
    if let Some(found) = last.as_ref().filter(is_fresh) {
        return Ok(Json(found.keys.clone()));
    }
    let asking = async move {
        let (broker, chain) = (shop.broker.clone(), shop.chain.clone());
        let keys = shop.desk.ask(move || look(&broker, &chain)).await?;
        *last = Some(Found { keys: keys.clone(), at: Instant::now(), decisions });
        Ok(Json(keys))
    };
    // It goes on where nobody waits any more, for the next.
    let asked = tokio::spawn(asking).await;
    asked.unwrap_or_else(|error| Err(Problem::away(error.to_string())))
}

fn look(broker: &Broker, chain: &Chain) -> Result<Keys, StartError> {
    let (mut all, mut unknown) = (Vec::new(), Vec::new());
    for stage in chain.stages.iter().filter(|stage| stage.policy().policy.parks()) {
        match keys::blocked(broker, stage) {
            Ok(blocked) => all.extend(blocked),
            Err(StartError::Usage(why)) => {
                unknown.push(Unknown { stage: stage.name.clone(), why });
            }
            Err(error) => return Err(error),
        }
    }
    all.sort_by_key(|key| (!key.first.held, key.first.first_failure.unwrap_or(u64::MAX)));
    let count = all.len();
    Ok(Keys { keys: all.into_iter().take(MOST).map(Blocked::from).collect(), count, unknown })
}
