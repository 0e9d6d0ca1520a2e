//! Workers at work, and how they are stopped.

use super::{Gauge, Levers};
use crate::admin::Endpoint;
use crate::core::Exit;
use crate::telemetry::Observed;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tokio::sync::Notify;

/// Workers at work. Dropping it does not stop them.
///
/// ```no_run
/// use stage_sdk::chain::Chain;
/// use stage_sdk::{Context, Json, Result, StartError};
/// use std::time::Duration;
///
/// fn price(Json(order): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     Ok(Json(order * 7))
/// }
///
/// fn main() -> std::result::Result<(), StartError> {
///     let chain = Chain::read("topics.toml".as_ref()).unwrap();
///     let running = chain.service("price")?.start(price)?;
///     let handle = running.stop_handle();
///     std::thread::spawn(move || {
///         std::thread::sleep(Duration::from_secs(60));
///         handle.stop();
///     });
///     running.wait().map_err(StartError::Runtime) // what was finished is committed
/// }
/// ```
#[derive(Debug)]
pub struct Running {
    pub(super) stop: Arc<Stop>,
    pub(super) workers: Vec<JoinHandle<Ended>>,
    pub(super) observed: Observed,
    /// Up as long as we are.
    pub(super) _admin: Option<Endpoint>,
}

pub(super) type Ended = (Exit, Option<String>);

#[derive(Debug)]
pub(super) struct Stop {
    pub(super) told: Arc<AtomicBool>,
    pub(super) wakes: Vec<Arc<Notify>>,
}

impl Stop {
    pub(super) fn tell(&self) {
        self.told.store(true, Ordering::Release);
        self.wakes.iter().for_each(|wake| wake.notify_one());
    }
}

/// Held by a worker: when it ends, by a panic too, so do its neighbours.
pub(super) struct StopsTheOthers(pub(super) Arc<Stop>);

impl Drop for StopsTheOthers {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// Tells workers to stop, from any thread.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<Stop>);

impl StopHandle {
    /// They finish what runs, commit, leave the group and end; this returns at once.
    pub fn stop(&self) {
        self.0.tell();
    }
}

impl Running {
    /// What stops these workers.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.stop.clone())
    }

    /// What pauses, resumes and limits these workers.
    pub fn levers(&self) -> Levers {
        self.observed.levers.clone()
    }

    /// What says how these workers stand.
    pub fn gauge(&self) -> Gauge {
        Gauge::of(self.observed.clone())
    }

    /// Whether any worker has ended.
    pub fn has_ended(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
    }

    /// Waits until all workers have ended; one that ends by itself has stopped the others too.
    ///
    /// # Errors
    /// What ended a worker other than the stop.
    pub fn wait(self) -> Result<(), String> {
        let mut verdict = Ok(());
        for worker in self.workers {
            let failed = match worker.join() {
                Ok((Exit::Clean, _)) => None,
                Ok((_, Some(text))) => Some(text),
                Ok((Exit::Unfinished, None)) => Some(
                    "stopped before everything was committed; what is left is read again".into(),
                ),
                Ok((Exit::Failed, None)) => Some("a record stopped the stage".into()),
                Err(_) => Some("a worker panicked; its last window is read again".into()),
            };
            if let (Ok(()), Some(text)) = (&verdict, failed) {
                verdict = Err(text);
            }
        }
        verdict
    }
}
