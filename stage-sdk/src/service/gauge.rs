//! How a running service stands, for the program that it runs in.

use crate::telemetry::{Ends, Look, Observed};
use std::sync::Arc;

/// Says how a running service stands, from any thread and as long as one likes; clones are of the same
/// service.
///
/// ```no_run
/// use stage_sdk::chain::Chain;
/// use stage_sdk::{Context, Json, Result, StartError};
///
/// fn price(Json(order): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     Ok(Json(order * 7))
/// }
///
/// fn main() -> std::result::Result<(), StartError> {
///     let chain = Chain::read("topics.toml".as_ref()).unwrap();
///     let running = chain.service("price")?.start(price)?;
///     let gauge = running.gauge();
///     std::thread::spawn(move || loop {
///         std::thread::sleep(std::time::Duration::from_secs(5));
///         println!("{} in flight, {} restarts", gauge.read().in_flight, gauge.read().restarts);
///     });
///     running.wait().map_err(StartError::Runtime)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(Observed);

/// How a running service stands: the sum of its workers, each as it said about a second ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Handlers that run.
    pub in_flight: usize,
    /// Records taken that wait behind their key, for a place, or for another attempt.
    pub waiting: usize,
    /// Records that can be read and whose outcome is not committed, parked ones not counted; none: not known. It is
    /// known where the broker is asked for it: see [`Service::watched`](super::Service::watched).
    pub lag: Option<u64>,
    /// An operator has paused it: see [`Levers::pause`](super::Levers::pause).
    pub paused: bool,
    /// The circuit of a worker is open: what the stage depends on is away, and it is tried now and then.
    pub circuit_open: bool,
    /// How often a worker has begun anew, or has started its program again, since the service started.
    pub restarts: u64,
    /// Why it does not work as it should; none: it does, and `/readyz` answers 200.
    pub troubles: Vec<String>,
}

impl Gauge {
    pub(super) fn of(observed: Observed) -> Gauge {
        Gauge(observed)
    }

    /// How it stands. It asks nobody and waits for nothing; of a worker that has ended, or has not said
    /// anything yet, nothing is in it but its restarts and its troubles.
    pub fn read(&self) -> Standing {
        let (looks, ends): (Vec<_>, Vec<_>) = self.0.looks().into_iter().unzip();
        Standing {
            in_flight: looks.iter().map(|look| look.running).sum(),
            waiting: looks.iter().map(|look| look.waiting).sum(),
            lag: lag(&looks, &ends),
            paused: self.0.levers.is_paused(),
            circuit_open: looks.iter().any(|look| look.circuit_open),
            restarts: self.0.restarts(),
            troubles: self.0.troubles(),
        }
    }
}

/// Of all workers; none while one of them has not joined, or has a partition of which the broker does not say where
/// it ends.
fn lag(looks: &[Arc<Look>], ends: &[Ends]) -> Option<u64> {
    let known = |(look, ends): (&Arc<Look>, &Ends)| look.joined && ends.trouble.is_none();
    if looks.is_empty() || !looks.iter().zip(ends).all(known) {
        return None;
    }
    let all = looks.iter().zip(ends).flat_map(|(look, ends)| {
        look.partitions.iter().map(|held| Some(ends.lag(&held.status)?.unsigned_abs()))
    });
    all.sum()
}
