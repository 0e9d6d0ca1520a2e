//! A stage as a running service: one or more workers in this process.

mod gauge;

mod lane;

mod levers;

mod life;

mod running;

pub use gauge::{Gauge, Standing};
pub use levers::{BadLimit, Levers, Limits};
pub use running::{Running, StopHandle};

use levers::MAX_IN_FLIGHT;
use life::Life;
use running::{Stop, StopsTheOthers};

use crate::admin::Endpoint;
use crate::broker::Broker;
use crate::core::Settings;
use crate::dead_letter::{Dialect, Dialects};
use crate::identity::Identity;
use crate::kafka::{Target, Worksite};
use crate::sink::Sink;
use crate::stage::{IntoStage, Stage};
use crate::telemetry::{self, Observed, Seat};
use crate::topics::Topics;
use crate::worker::Line;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::Notify;

/// Whether outputs and offsets take effect together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Delivery {
    /// All or none, in one transaction.
    #[default]
    ExactlyOnce,
    /// Outputs first, then offsets: after a crash some come twice.
    AtLeastOnce,
}

/// All a stage's service needs besides the stage.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::{Context, Delivery, Json, Result, Service, StartError};
///
/// fn price(Json(pizzas): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     Ok(Json(pizzas * 7))
/// }
///
/// # fn main() -> std::result::Result<(), StartError> {
/// let service = Service {
///     stage: "price".into(),
///     group: "shop.price".into(),
///     input: "orders".into(),
///     output: Some("prices".into()),
///     dead_letters: "orders.price.dlq".into(),
///     broker: Broker { servers: "127.0.0.1:9092".into(), ..Broker::default() },
///     delivery: Delivery::ExactlyOnce,
///     ..Service::default()
/// };
/// let running = service.start(price)?;
/// let stop = running.stop_handle();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(60));
///     stop.stop();
/// });
/// running.wait().map_err(StartError::Runtime)
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The stage's name.
    pub stage: String,
    /// The consumer group.
    pub group: String,
    /// The topic it reads.
    pub input: String,
    /// The topic its outputs go to; none: it returns `()`.
    pub output: Option<String>,
    /// Named outputs: the name in code, and the topic.
    pub outputs: Vec<(String, String)>,
    /// The topic its dead letters go to.
    pub dead_letters: String,
    /// Where a policy that parks does so; made and named by `topics.toml`'s rules.
    pub retry_topic: String,
    /// Where it notes what is parked.
    pub redirect_topic: String,
    /// Header names of other tools that its dead letters have as well.
    pub dialects: Vec<Dialect>,
    /// Where the brokers are.
    pub broker: Broker,
    /// Exactly once, or at least once.
    pub delivery: Delivery,
    /// How many workers, each a thread and a group member; 0 counts as 1.
    pub workers: usize,
    /// What [`Context::rng`](crate::Context::rng) is a function of; none: a random one.
    pub seed: Option<u64>,
    /// Where identities are kept across restarts; none: nowhere.
    pub state_dir: Option<PathBuf>,
    /// Records without a key are rejected.
    pub key_required: bool,
    /// The output topic may have another number of partitions than the input.
    pub repartition: bool,
    /// Where it is looked at and steered while it runs; several services may share one. None: nowhere.
    pub admin: Option<Endpoint>,
    /// How far it is behind is asked of the broker about once a second, for its
    /// [gauge](Running::gauge); so it is anyway where it has an admin endpoint or is exported.
    pub watched: bool,
    /// Where its metrics and spans are exported; several services may share one. None: nowhere.
    #[cfg(feature = "otel")]
    pub otel: Option<crate::otel::Otel>,
    /// Limits and the retry policy.
    pub settings: Settings,
}

/// Why a service did not start.
#[derive(Debug)]
pub enum StartError {
    /// Something it was told is wrong: exit code 2.
    Usage(String),
    /// Something it needs is not there: exit code 1.
    Runtime(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (StartError::Usage(text) | StartError::Runtime(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for StartError {}

impl Service {
    /// Starts the workers; when this returns they have joined the group, or are about to.
    ///
    /// # Errors
    /// A setting, a topic or an identity cannot be used, or no broker answered within 30 s.
    pub fn start<M, I>(&self, stage: I) -> Result<Running, StartError>
    where
        I: IntoStage<M>,
        I::Stage: Send,
    {
        let stage = stage.into_stage();
        self.with_places_for(&stage).launch(stage, || None)
    }

    /// As [`start`](Service::start), with outputs and offsets in a database: `sink` is called once
    /// per worker. It has no output topic, and delivery is exactly once in the database.
    ///
    /// # Errors
    /// As those of `start`.
    pub fn start_sink<M, I, K>(&self, stage: I, sink: impl Fn() -> K) -> Result<Running, StartError>
    where
        I: IntoStage<M>,
        I::Stage: Send,
        K: Sink + 'static,
    {
        let stage = stage.into_stage();
        if self.settings.retry.policy.parks() {
            return Err(StartError::Usage(format!(
                "stage {:?} keeps its outputs in a database: its policy would park records in Kafka's transactions and is not for it; use in-place, dead-letter or stop",
                self.stage
            )));
        }
        let service = self.with_places_for(&stage);
        service.launch(stage, || Some(Box::new(sink()) as Box<dyn Sink>))
    }

    /// The same, with as many records in hand as the stage is best with, if nobody said how many.
    fn with_places_for<S: Stage>(&self, stage: &S) -> Service {
        let mut service = self.clone();
        if service.settings.max_in_flight == Settings::default().max_in_flight
            && let Some(best) = stage.in_flight()
        {
            service.settings.max_in_flight = best.clamp(1, MAX_IN_FLIGHT as usize);
        }
        service
    }

    fn launch<S: Stage + Send>(
        &self,
        stage: S,
        sink: impl Fn() -> Option<Box<dyn Sink>>,
    ) -> Result<Running, StartError> {
        self.broker.check().map_err(|error| StartError::Usage(error.to_string()))?;
        self.has_outputs_of(&stage)?;
        self.is_no_loop()?;
        self.holds_what_it_parks()?;
        let worksite = self.worksite()?;
        let wakes: Vec<_> = (0..self.workers.max(1)).map(|_| Arc::new(Notify::new())).collect();
        let stop = Arc::new(Stop { told: Arc::default(), wakes });
        let (lines, observed) = self.lines(&stop);
        let (workers, admin) = (Vec::new(), self.admin.clone());
        let mut running = Running { stop, workers, observed, _admin: admin };
        let started = self.hire(&mut running, lines, &worksite, &stage, sink);
        let started = started.and_then(|()| self.show(&running));
        if started.is_err() {
            running.stop.tell();
        }
        started.map(|()| running)
    }

    /// How each worker is reached, and all of them are seen and steered.
    fn lines(&self, stop: &Stop) -> (Vec<Line>, Observed) {
        let (mut lines, mut workers) = (Vec::new(), Vec::new());
        for wake in &stop.wakes {
            let (tell, orders) = mpsc::channel();
            workers.push((tell, wake.clone()));
            let (wake, stop) = (wake.clone(), stop.told.clone());
            lines.push(Line { wake, stop, orders, seat: Arc::new(Seat::default()) });
        }
        let observed = Observed {
            stage: self.stage.clone(),
            group: self.group.clone(),
            topic: self.input.clone(),
            seats: lines.iter().map(|line| line.seat.clone()).collect(),
            levers: Levers::new(workers, self.settings.max_in_flight),
        };
        (lines, observed)
    }

    /// Whether anybody looks at how far it is behind.
    fn is_shown(&self) -> bool {
        self.admin.is_some() || self.is_exported() || self.watched
    }

    /// Shows the service at its endpoint and to its exporter, if it has them.
    fn show(&self, running: &Running) -> Result<(), StartError> {
        if !self.is_shown() {
            return Ok(());
        }
        let observed = running.observed.clone();
        if let Some(admin) = &self.admin {
            admin.add(observed.clone());
        }
        self.export(&observed);
        let told = running.stop.told.clone();
        let watch = move || telemetry::watch(&observed, &told);
        std::thread::Builder::new()
            .name("ends".into())
            .spawn(watch)
            .map(drop)
            .map_err(|error| StartError::Runtime(format!("no thread for the ends: {error}")))
    }

    /// One thread per worker; when this returns Ok all of them have connected.
    fn hire<S: Stage + Send>(
        &self,
        running: &mut Running,
        lines: Vec<Line>,
        worksite: &Worksite,
        stage: &S,
        sink: impl Fn() -> Option<Box<dyn Sink>>,
    ) -> Result<(), StartError> {
        let (ready, all_ready) = mpsc::channel();
        for (number, line) in lines.into_iter().enumerate() {
            let seat = LeavesItsSeat(line.seat.clone());
            let stop = StopsTheOthers(running.stop.clone());
            let ready = ready.clone();
            let life = Life {
                service: self.clone(),
                stage: stage.clone(),
                worksite: worksite.clone(),
                identity: Arc::new(Mutex::new(self.identity()?)),
                sink: sink().map(|sink| Arc::new(Mutex::new(sink))),
                levers: running.levers(),
                number,
            };
            let work = move || {
                let (_stop, _seat) = (stop, seat);
                life.live(line, &ready)
            };
            let thread = std::thread::Builder::new().name(format!("{}-{number}", self.stage));
            let worker = thread
                .spawn(work)
                .map_err(|error| StartError::Runtime(format!("no thread for a worker: {error}")))?;
            running.workers.push(worker);
        }
        drop(ready);
        all_ready.iter().take(running.workers.len()).collect()
    }

    fn has_outputs_of<S: Stage>(&self, stage: &S) -> Result<(), StartError> {
        let known = |name: &&str| self.outputs.iter().any(|(known, _)| known == name);
        let missing: Vec<_> = stage.outputs().iter().filter(|name| !known(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(StartError::Usage(format!(
            "stage {:?} sends to {missing:?} and the route map does not say where; add outputs = {{ {} = \"TOPIC\" }} to its table in topics.toml",
            self.stage, missing[0]
        )))
    }

    /// A stage that reads what it writes never ends.
    fn is_no_loop(&self) -> Result<(), StartError> {
        let mut outputs = self.output.iter().chain(self.outputs.iter().map(|(_, topic)| topic));
        if outputs.all(|topic| *topic != self.input) {
            return Ok(());
        }
        Err(StartError::Usage(format!(
            "stage {:?} would read and write topic {}, an endless loop; give it another one with --input or --output, or in topics.toml",
            self.stage, self.input
        )))
    }

    fn worksite(&self) -> Result<Worksite, StartError> {
        let topics = Topics::connect(&self.broker)?;
        let target = |topic: &str| topics.target(topic).map_err(StartError::from);
        let input = target(&self.input)?;
        let output = self.output.as_deref().map(target).transpose()?;
        if let Some(output) = &output
            && output.partitions != input.partitions
            && !self.repartition
        {
            return Err(StartError::Usage(format!(
                "topic {} has {} partitions and the output of stage {:?}, {}, has {}: a key's records would change their neighbours; make them equal (pizza topics plan), or write repartition = true",
                self.input, input.partitions, self.stage, output.topic, output.partitions
            )));
        }
        let mut targets: Vec<Option<Target>> = vec![output];
        for (_, topic) in &self.outputs {
            targets.push(Some(target(topic)?));
        }
        Ok(Worksite {
            stage: self.stage.clone(),
            group: self.group.clone(),
            inputs: vec![self.input.clone()],
            partitions: input.partitions,
            apart: false,
            targets,
            dead_letters: target(&self.dead_letters)?,
            lane: self.lane(&topics, &input)?,
            dialects: Dialects {
                all: self.dialects.clone(),
                append_time: topics.has_append_time(&self.input)?,
            },
            key_required: self.key_required,
            is_sink: false,
            // Nobody sees a transaction before it is committed.
            outputs_wait: self.delivery == Delivery::ExactlyOnce,
            policy: self.settings.retry.policy,
        })
    }

    fn identity(&self) -> Result<Identity, StartError> {
        match &self.state_dir {
            None => Ok(Identity::random()),
            Some(directory) => Identity::kept(directory, &self.group)
                .map_err(|error| StartError::Usage(format!("state directory {error}"))),
        }
    }
}

/// Held by a worker: when it ends, by a panic too, others see it.
struct LeavesItsSeat(Arc<Seat>);

impl Drop for LeavesItsSeat {
    fn drop(&mut self) {
        self.0.leave();
    }
}
