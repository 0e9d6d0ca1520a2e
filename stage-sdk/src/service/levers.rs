//! What may be changed of a running stage.

use crate::core::{self, Event};
use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The most handlers at once in a worker.
pub(crate) const MAX_IN_FLIGHT: u32 = 10_000;

/// The most records a second that a limit may say.
pub(crate) const MAX_A_SECOND: u32 = 10_000_000;

/// Limits of a running stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handlers that run at once in each worker, 1 to 10,000; where more run already, they go on.
    pub max_in_flight: u32,
    /// Records a second that the service takes from its input, 1 to 10,000,000, in equal parts for its
    /// workers; none: as many as come.
    pub records_per_second: Option<u32>,
}

/// A limit that is none.
#[derive(Debug)]
pub struct BadLimit(String);

impl fmt::Display for BadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadLimit {}

/// Pauses, resumes and limits a running service, from any thread. What is set holds for this process,
/// until it ends.
///
/// ```no_run
/// use stage_sdk::service::Limits;
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// # let chain = stage_sdk::chain::Chain::read("topics.toml".as_ref()).unwrap();
/// # fn price(order: stage_sdk::Json<u64>, _: &stage_sdk::Context) -> stage_sdk::Result<stage_sdk::Json<u64>> { Ok(order) }
/// let running = chain.service("price")?.start(price)?;
/// let levers = running.levers();
/// levers.pause();
/// levers.limit(Limits { max_in_flight: 8, records_per_second: Some(100) }).unwrap();
/// levers.resume();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Levers {
    workers: Arc<[(Sender<Event<'static>>, Arc<Notify>)]>,
    stands: Arc<Mutex<(bool, Limits)>>,
}

impl Levers {
    pub(crate) fn new(
        workers: Vec<(Sender<Event<'static>>, Arc<Notify>)>,
        max_in_flight: usize,
    ) -> Levers {
        let max_in_flight = u32::try_from(max_in_flight).unwrap_or(u32::MAX);
        let limits = Limits { max_in_flight, records_per_second: None };
        Levers { workers: workers.into(), stands: Arc::new(Mutex::new((false, limits))) }
    }

    /// The workers take no more records, also of their retry lanes, as soon as what they do at the moment
    /// allows; this returns at once. What is taken is finished and committed, and they stay in the group.
    pub fn pause(&self) {
        self.set(|stands| stands.0 = true, || Event::Pause);
    }

    /// They take records again.
    pub fn resume(&self) {
        self.set(|stands| stands.0 = false, || Event::Resume);
    }

    /// These limits hold from now on.
    ///
    /// # Errors
    /// One of them is out of its range; nothing is changed then.
    pub fn limit(&self, limits: Limits) -> Result<(), BadLimit> {
        let Limits { max_in_flight, records_per_second } = limits;
        if !(1..=MAX_IN_FLIGHT).contains(&max_in_flight) {
            return Err(BadLimit(format!(
                "max_in_flight is {max_in_flight}; it may be 1 to {MAX_IN_FLIGHT}"
            )));
        }
        if let Some(records) = records_per_second.filter(|r| !(1..=MAX_A_SECOND).contains(r)) {
            return Err(BadLimit(format!(
                "records_per_second is {records}; it may be 1 to {MAX_A_SECOND}, or null for no limit"
            )));
        }
        let told = self.for_each_worker(limits);
        self.set(|stands| stands.1 = limits, || Event::Limits(told));
        Ok(())
    }

    /// Whether the service is paused.
    pub fn is_paused(&self) -> bool {
        self.stands().0
    }

    /// The limits that hold.
    pub fn limits(&self) -> Limits {
        self.stands().1
    }

    /// A worker that has begun anew hears how they stand.
    pub(super) fn tell(&self, number: usize) {
        let stands = self.stands.lock().unwrap_or_else(PoisonError::into_inner);
        let (paused, limits) = *stands;
        let Some((worker, wake)) = self.workers.get(number) else { return };
        worker.send(Event::Limits(self.for_each_worker(limits))).ok();
        if paused {
            worker.send(Event::Pause).ok();
        }
        wake.notify_one();
    }

    fn for_each_worker(&self, limits: Limits) -> core::Limits {
        let workers = self.workers.len() as f64;
        let each = |records| Duration::from_secs_f64(workers / f64::from(records));
        core::Limits {
            max_in_flight: limits.max_in_flight as usize,
            each: limits.records_per_second.map(each),
        }
    }

    fn stands(&self) -> (bool, Limits) {
        *self.stands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut (bool, Limits)), event: impl Fn() -> Event<'static>) {
        // Who comes second is told second.
        let mut stands = self.stands.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut stands);
        for (worker, wake) in self.workers.iter() {
            // A worker that has ended needs no telling.
            worker.send(event()).ok();
            wake.notify_one();
        }
    }
}

impl fmt::Debug for Levers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Levers").field(&self.stands()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_begins_anew_hears_how_they_stand() {
        let (tell, told) = std::sync::mpsc::channel();
        let levers = Levers::new(vec![(tell, Arc::default())], 7);
        levers.pause();
        let limits = Limits { max_in_flight: 3, records_per_second: Some(10) };
        levers.limit(limits).unwrap();
        assert_eq!(told.try_iter().count(), 2, "the one before it has heard");
        levers.tell(0);
        let each = Some(Duration::from_millis(100));
        let limits = core::Limits { max_in_flight: 3, each };
        assert!(matches!(told.recv(), Ok(Event::Limits(told)) if told == limits));
        assert!(matches!(told.recv(), Ok(Event::Pause)));
        levers.resume();
        told.recv().unwrap();
        levers.tell(0);
        told.recv().unwrap();
        assert!(told.try_recv().is_err(), "it is paused no more");
    }
}
