//! The whole life of one worker's thread: it connects, works and leaves; and begins anew, as its process
//! would after a restart, where another member took its identity.

use super::running::Ended;
use super::{Delivery, Levers, Service, StartError};
use crate::consumer::Consumer;
use crate::context::{Context, Shared};
use crate::core::{Core, Exit, Settings};
use crate::courier::{Courier, Means, until_done};
use crate::identity::Identity;
use crate::kafka::{Kafka, Worksite};
use crate::lane::{Reader, Topics as LaneTopics};
use crate::producer::Producer;
use crate::sink::{self, Marked};
use crate::stage::Stage;
use crate::worker::{Left, Line, Past, Worker, attempt};
use rdkafka::error::KafkaError;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;

/// How long leaving the group may take after a stop.
const LEAVE: Duration = Duration::from_secs(3);

/// Who is fenced, or whose producer became unusable, a second time within this has a twin: somebody else with
/// the same identity, and they would go on fencing each other for ever.
const TWIN: Duration = Duration::from_secs(60);

/// How long a new producer waits for the broker at start.
const OPEN: Duration = Duration::from_secs(30);

/// And later: within it a stop is noticed.
const AGAIN: Duration = Duration::from_secs(5);

/// Who was fenced has nothing any more that it could leave to others.
const NOTHING_LEFT: Ended = (Exit::Clean, None);

/// What a worker is made of, each time it begins.
pub(super) struct Life<S> {
    pub(super) service: Service,
    pub(super) stage: S,
    pub(super) worksite: Worksite,
    pub(super) identity: Arc<Mutex<Identity>>,
    pub(super) sink: Option<sink::Shared>,
    pub(super) levers: Levers,
    /// Which worker of its service it is.
    pub(super) number: usize,
}

impl<S: Stage> Life<S> {
    /// Tells `ready` how connecting went; ends when told to stop, or by an error that a new beginning does
    /// not mend.
    pub(super) fn live(
        mut self,
        mut line: Line,
        ready: &mpsc::Sender<Result<(), StartError>>,
    ) -> Ended {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        self.worksite.is_sink = self.sink.is_some();
        self.worksite.apart = !S::INLINE;
        self.worksite.outputs_wait |= self.sink.is_some();
        let (runtime, mut kafka) = match (runtime, self.connect(&line.wake, OPEN)) {
            (Ok(runtime), Ok(kafka)) => (runtime, kafka),
            (Err(error), _) => return refuse(ready, StartError::Runtime(error.to_string())),
            (_, Err(error)) => return refuse(ready, error),
        };
        ready.send(Ok(())).ok();
        let (mut fenced, mut past) = (None::<Instant>, Past::default());
        loop {
            let (exit, left) = self.work(&runtime, kafka, past, line);
            (line, past) = (left.line, left.past);
            if !left.fenced {
                return (exit, left.verdict);
            }
            if line.stop.load(Ordering::Acquire) {
                return NOTHING_LEFT;
            }
            let why = left.verdict.unwrap_or_default();
            tracing::warn!("{why}; this worker begins anew");
            let now = Instant::now();
            if fenced.replace(now).is_some_and(|before| now - before < TWIN) {
                renew(&mut self.identity());
            }
            let connect = || self.connect(&line.wake, AGAIN);
            let again = until_done(&line.stop, "a new beginning", connect);
            let Some(connected) = again else { return NOTHING_LEFT };
            kafka = connected;
            line.seat.restarted();
            self.levers.tell(self.number);
        }
    }

    fn work(&self, runtime: &Runtime, kafka: Kafka, past: Past, line: Line) -> (Exit, Left) {
        let seat = line.seat.clone();
        seat.sits(&kafka.consumer);
        let service = &self.service;
        let shared = Rc::new(Shared {
            stage: service.stage.clone(),
            topic: service.input.clone(),
            outputs: service.outputs.iter().map(|(name, _)| name.clone()).collect(),
            seed: service.seed.unwrap_or_else(rand::random),
            kept: Default::default(),
            seat: seat.clone(),
            #[cfg(feature = "otel")]
            tracer: service.tracer(),
        });
        let settings = Settings {
            inline: S::INLINE,
            outputs_wait: self.worksite.outputs_wait,
            incarnation: rand::random(),
            ..service.settings.clone()
        };
        let spawn = |stage: Rc<S>, kept: Rc<crate::record::Kept>, context: Rc<Context>| async move {
            attempt(&*stage, kept.record(), &context).await
        };
        let make_context = Box::new(move || Context::new(shared.clone()));
        let core = Core::new(settings);
        let stage = self.stage.clone();
        let mut worker = Worker::new(core, kafka, past, stage, spawn, make_context, line);
        let exit = runtime.block_on(worker.run());
        if worker.is_fenced() {
            seat.stands_up();
        }
        (exit, worker.leave(LEAVE))
    }

    fn connect(&self, wake: &Arc<Notify>, wait: Duration) -> Result<Kafka, StartError> {
        let failed = |error: KafkaError| StartError::Runtime(error.to_string());
        let (service, worksite) = (&self.service, self.worksite.clone());
        let exactly_once = service.delivery == Delivery::ExactlyOnce && self.sink.is_none();
        let limits = worksite.targets.iter().flatten().chain([&worksite.dead_letters]);
        let limits =
            limits.chain(worksite.lane.iter().flat_map(|(retry, redirect)| [retry, redirect]));
        let limits: Vec<usize> = limits.map(|target| target.limit).collect();
        let largest = limits.iter().copied().max().unwrap_or_default();
        let smallest = limits.iter().copied().min().unwrap_or_default();
        let member = self.identity().member();
        let (broker, group) = (service.broker.clone(), service.group.clone());
        let identity = self.identity.clone();
        let (mut opened, mut fenced) = (false, None::<Instant>);
        // The courier asks for the settings again when a producer is unusable.
        let mut config = move || {
            let now = Instant::now();
            let mut identity = identity.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut opened, true)
                && exactly_once
                && fenced.replace(now).is_some_and(|before| now - before < TWIN)
            {
                renew(&mut identity);
            }
            let id = exactly_once.then(|| identity.transactional(&group));
            broker.producer(id.as_deref(), largest, smallest)
        };
        let producer = Arc::new(Producer::open(&config(), wait).map_err(failed)?);
        let notify = wake.clone();
        let wake_up = move || notify.notify_one();
        let (inputs, observed) = (&worksite.inputs, service.is_shown());
        let who = (service.group.as_str(), member.as_deref());
        let apart = worksite.apart.then_some(worksite.partitions);
        let consumer = Consumer::join(&service.broker, who, inputs, apart, observed, wake_up);
        let consumer = Arc::new(consumer.map_err(failed)?);
        let means = Means {
            consumer: consumer.clone(),
            producer: Box::new(config),
            reader: service.broker.consumer(&service.group, None),
            exactly_once,
            sink: self.sink.clone().map(Marked::new),
            late: 0,
        };
        let notify = wake.clone();
        let courier = Courier::start(means, move || notify.notify_one())
            .map_err(|error| StartError::Runtime(format!("no thread for a courier: {error}")))?;
        let lanes = match &worksite.lane {
            None => None,
            Some((retry, redirect)) => {
                let topics = LaneTopics {
                    input: service.input.clone(),
                    retry: retry.topic.clone(),
                    redirect: redirect.topic.clone(),
                };
                let notify = wake.clone();
                let (broker, worker) = (service.broker.clone(), consumer.clone());
                let reader = Reader::start(broker, &service.group, topics, worker, move || {
                    notify.notify_one();
                });
                Some(reader.map_err(|error| {
                    StartError::Runtime(format!("no thread for the retry lane: {error}"))
                })?)
            }
        };
        Ok(Kafka::new(consumer, producer, courier, lanes, worksite))
    }

    fn identity(&self) -> MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn renew(identity: &mut Identity) {
    match identity.renew() {
        Ok(()) => tracing::warn!(
            "twice within a minute this worker lost what its identity gives it: it takes a new one"
        ),
        Err(error) => tracing::warn!(%error, "the worker's identity cannot be changed"),
    }
}

fn refuse(ready: &mpsc::Sender<Result<(), StartError>>, error: StartError) -> Ended {
    let text = error.to_string();
    ready.send(Err(error)).ok();
    (Exit::Failed, Some(text))
}
