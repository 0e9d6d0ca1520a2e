//! Where the broker is asked for somebody: on threads that may wait for it, by few at once, decisions apart from
//! questions, so that nobody who only looks keeps an operator waiting.

use crate::problem::Problem;
use axum::http::StatusCode;
use stage_sdk::StartError;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How many may ask, and how many may decide, at once.
const QUESTIONS: usize = 4;
const DECISIONS: usize = 2;

/// Leave to ask the broker; clones are the same.
#[derive(Clone, Debug)]
pub struct Desk {
    questions: Arc<Semaphore>,
    decisions: Arc<Semaphore>,
    /// Stages whose dead letters are being replayed.
    replays: Arc<Mutex<HashSet<String>>>,
}

/// A replay under way, until it is dropped.
pub(super) struct Replaying {
    desk: Desk,
    stage: String,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            decisions: Arc::new(Semaphore::new(DECISIONS)),
            replays: Arc::default(),
        }
    }
}

impl Desk {
    /// What the broker says. What was begun goes on where nobody waits any more.
    ///
    /// # Errors
    /// Several ask already, the broker does not answer, or something of it is not in order.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, StartError> + Send + 'static,
    ) -> Result<T, Problem> {
        on_a_thread(&self.questions, question).await
    }

    /// The same, for who may decide.
    pub(super) async fn decide<T: Send + 'static>(
        &self,
        decision: impl FnOnce() -> Result<T, StartError> + Send + 'static,
    ) -> Result<T, Problem> {
        on_a_thread(&self.decisions, decision).await
    }

    /// The dead letters of a stage are replayed by one at a time.
    ///
    /// # Errors
    /// Somebody does already.
    pub(super) fn replay(&self, stage: &str) -> Result<Replaying, Problem> {
        match self.replaying().insert(stage.to_owned()) {
            true => Ok(Replaying { desk: self.clone(), stage: stage.to_owned() }),
            false => {
                let detail = format!("the dead letters of {stage} are being replayed already");
                let problem = Problem::new(StatusCode::CONFLICT, "A replay is under way", detail);
                Err(problem.again_after(2))
            }
        }
    }

    fn replaying(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Replaying {
    fn drop(&mut self) {
        self.desk.replaying().remove(&self.stage);
    }
}

async fn on_a_thread<T: Send + 'static>(
    free: &Arc<Semaphore>,
    ask: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, Problem> {
    let busy = |_| Problem::away("several are asking the broker already; try again shortly");
    let permit = free.clone().try_acquire_owned().map_err(busy)?;
    let asked = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        ask()
    });
    match asked.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(problem(&error)),
        Err(error) => Err(Problem::away(format!("the broker cannot be asked now: {error}"))),
    }
}

/// What is wrong with the broker, or with what is there: that does not pass by itself.
pub(super) fn problem(error: &StartError) -> Problem {
    match error {
        StartError::Runtime(text) => {
            Problem::away(format!("the broker cannot be asked now: {text}"))
        }
        StartError::Usage(text) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not in order", text.as_str())
        }
    }
}
