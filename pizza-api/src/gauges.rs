//! Stages that were started together with the API: they say themselves how they stand.

use serde::Serialize;
use stage_sdk::service::{Gauge, Standing};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// For each stage by its name who can say how it stands.
#[derive(Clone, Default)]
pub struct Gauges(Arc<HashMap<String, Source>>);

/// Who can say how a stage stands.
#[derive(Clone, Debug)]
pub enum Source {
    /// It runs in this process.
    Inside(Gauge),
    /// It is a program beside this process, which has been started again so often.
    Beside(Arc<AtomicU64>),
}

/// How a stage stands, as far as it can be said here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Here {
    /// Handlers that run; null: not known here.
    pub(crate) in_flight: Option<usize>,
    /// What the stage depends on is away, and is tried now and then; null: not known here.
    pub(crate) circuit_open: Option<bool>,
    /// An operator has paused it; null: not known here.
    pub(crate) paused: Option<bool>,
    /// How often a worker has begun anew, or its program was started again; null: not known here.
    pub(crate) restarts: Option<u64>,
}

/// Who says how the view stands, while it runs; clones are of the same view.
#[derive(Clone, Debug, Default)]
pub struct ViewGauge(Arc<Mutex<Option<Gauge>>>);

impl ViewGauge {
    /// The view runs, or does not.
    pub(crate) fn set(&self, gauge: Option<Gauge>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gauge;
    }

    /// How it stands; none: it does not run.
    pub(crate) fn read(&self) -> Option<Standing> {
        let gauge = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        gauge.map(|gauge| gauge.read())
    }
}

impl Gauges {
    /// Of these stages, by their names.
    pub fn new(stages: impl IntoIterator<Item = (String, Source)>) -> Gauges {
        Gauges(Arc::new(stages.into_iter().collect()))
    }

    pub(crate) fn read(&self, stage: &str) -> Here {
        match self.0.get(stage) {
            None => Here::default(),
            Some(Source::Beside(restarts)) => {
                let restarts = Some(restarts.load(Ordering::Relaxed));
                Here { restarts, ..Here::default() }
            }
            Some(Source::Inside(gauge)) => {
                let standing = gauge.read();
                Here {
                    in_flight: Some(standing.in_flight),
                    circuit_open: Some(standing.circuit_open),
                    paused: Some(standing.paused),
                    restarts: Some(standing.restarts),
                }
            }
        }
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
