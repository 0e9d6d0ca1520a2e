//! Metrics and spans to an OpenTelemetry collector: OTLP over HTTP, as protobuf. With the feature `otel`.
//!
//! The metrics are those of the admin endpoint, by OpenTelemetry's kind of name: `stage.records.in`. A span is an
//! attempt at a record whose producer asked for it: whose header `traceparent` says sampled
//! ([W3C Trace Context](https://www.w3.org/TR/trace-context/)). It is a child of the producer's span and linked to it, so
//! that all stages' spans of an order are one trace; the header goes on as it came
//! ([conventions](https://opentelemetry.io/docs/specs/semconv/messaging/kafka/)).
//!
//! A record without that header costs a look at its headers, and one that is sampled two looks at the clock and an entry
//! in a list. A collector that is slow or away holds up nothing: what it does not take within seconds is dropped, and said
//! once in the log.

mod metrics;
mod send;
mod tracer;

pub(crate) use tracer::Tracer;

use crate::service::{Service, StartError};
use crate::telemetry::Observed;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use send::Collector;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracer::Spans;

/// Spans wait no longer than this to be sent.
const EVERY: Duration = Duration::from_secs(1);

/// Where a collector takes which.
const METRICS: &str = "/v1/metrics";
const TRACES: &str = "/v1/traces";

type Stages = Mutex<Vec<Observed>>;

/// What the exporter is told; [`Settings::from_env`] reads OpenTelemetry's own variables.
#[derive(Clone, Default)]
pub struct Settings {
    /// Where the collector listens: `http://HOST:PORT`, to which `/v1/metrics` and `/v1/traces` are added.
    pub endpoint: String,
    /// Headers of each request, such as an API key. They are in no log.
    pub headers: Vec<(String, String)>,
    /// The service's name; none: each stage's group is one.
    pub service_name: Option<String>,
    /// Between two exports of metrics; zero: a minute.
    pub interval: Duration,
}

/// An exporter at work; clones are the same one. It ends with the last of them, which sends what is there and waits for
/// that, for five seconds at most.
///
/// ```
/// use stage_sdk::Service;
/// use stage_sdk::otel::{Otel, Settings};
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let settings = Settings { endpoint: "http://127.0.0.1:4318".into(), ..Settings::default() };
/// let service = Service { otel: Some(Otel::open(&settings)?), ..Service::default() };
/// # drop(service);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Otel(Arc<Inner>);

struct Inner {
    stages: Arc<Stages>,
    spans: Arc<Spans>,
    /// Dropped, it ends the thread.
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Settings {
    /// As `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` and `OTEL_METRIC_EXPORT_INTERVAL` (milliseconds) have it, for
    /// the collector at `endpoint`.
    ///
    /// # Errors
    /// One of them cannot be read. Headers are not in its text.
    pub fn from_env(endpoint: &str) -> Result<Settings, StartError> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let interval = match read("OTEL_METRIC_EXPORT_INTERVAL") {
            None => Duration::ZERO,
            Some(text) => text.parse().map(Duration::from_millis).map_err(|_| {
                StartError::Usage(format!(
                    "OTEL_METRIC_EXPORT_INTERVAL is {text:?}; give it milliseconds, as 10000"
                ))
            })?,
        };
        let headers = read("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        Ok(Settings {
            endpoint: endpoint.to_owned(),
            headers: send::headers(&headers)?,
            service_name: read("OTEL_SERVICE_NAME"),
            interval,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("headers", &headers)
            .field("service_name", &self.service_name)
            .field("interval", &self.interval)
            .finish()
    }
}

impl Otel {
    /// Exports from now on, on a thread of its own, what the services tell that have it as their
    /// [`otel`](Service::otel). Whether the collector is there is not asked.
    ///
    /// # Errors
    /// The endpoint is no `http://` address, a header cannot be sent, or there is no thread.
    pub fn open(settings: &Settings) -> Result<Otel, StartError> {
        let collector = Collector::new(settings)?;
        let interval = match settings.interval {
            Duration::ZERO => Duration::from_secs(60),
            interval => interval.max(Duration::from_millis(100)),
        };
        let (stop, stopped) = mpsc::channel::<()>();
        let (stages, spans) = (Arc::<Stages>::default(), Arc::<Spans>::default());
        let mut exporter = Exporter {
            collector,
            name: settings.service_name.clone(),
            // A process id would be 1 in every container.
            instance: uuid::Uuid::new_v4().to_string(),
            stages: stages.clone(),
            spans: spans.clone(),
            begun: metrics::now(),
        };
        let export = move || {
            let mut due = Instant::now() + interval;
            loop {
                let stopped = stopped.recv_timeout(EVERY.min(interval));
                let is_last = stopped != Err(RecvTimeoutError::Timeout);
                exporter.send_spans(is_last);
                if is_last || Instant::now() >= due {
                    due = Instant::now() + interval;
                    exporter.send_metrics(is_last);
                }
                if is_last {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("otel".into()).spawn(export);
        let thread = thread
            .map_err(|error| StartError::Runtime(format!("no thread for the exporter: {error}")))?;
        let (stop, thread) = (Mutex::new(Some(stop)), Mutex::new(Some(thread)));
        Ok(Otel(Arc::new(Inner { stages, spans, stop, thread })))
    }

    fn add(&self, stage: Observed) {
        let mut stages = lock(&self.0.stages);
        stages.retain(|known| known.stage != stage.stage || !known.has_ended());
        stages.push(stage);
    }
}

impl fmt::Debug for Otel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otel").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.stop).take();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // Each request has its limit.
            thread.join().ok();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread works with.
struct Exporter {
    collector: Collector,
    name: Option<String>,
    /// Tells this process from all others of the service.
    instance: String,
    stages: Arc<Stages>,
    spans: Arc<Spans>,
    /// Since when counts are counted, in nanoseconds since the epoch.
    begun: u64,
}

impl Exporter {
    /// `is_last`: whoever ends does not wait for a collector that is away.
    fn send_metrics(&mut self, is_last: bool) {
        if is_last && self.collector.is_away(METRICS) {
            return;
        }
        let stages = lock(&self.stages).clone();
        let request = metrics::request(&stages, self.begun, |stage| self.resource(&stage.group));
        self.collector.post(METRICS, &request);
    }

    /// As above.
    fn send_spans(&mut self, is_last: bool) {
        if is_last && self.collector.is_away(TRACES) {
            return;
        }
        if let Some(request) = self.spans.take(|group| self.resource(group)) {
            self.collector.post(TRACES, &request);
        }
    }

    /// Whose metrics and spans they are.
    fn resource(&self, group: &str) -> Resource {
        let name = self.name.as_deref().unwrap_or(group);
        let attributes =
            vec![attribute("service.name", name), attribute("service.instance.id", &self.instance)];
        Resource { attributes, ..Resource::default() }
    }
}

impl Service {
    /// Shows it to its exporter, if it has one.
    pub(crate) fn export(&self, stage: &Observed) {
        if let Some(otel) = &self.otel {
            otel.add(stage.clone());
        }
    }

    /// Whether it has one.
    pub(crate) fn is_exported(&self) -> bool {
        self.otel.is_some()
    }

    /// What makes the spans of its attempts.
    pub(crate) fn tracer(&self) -> Tracer {
        Tracer::new(self.otel.as_ref().map(|otel| otel.0.spans.clone()), &self.stage, &self.group)
    }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    with(name, Value::StringValue(value.to_owned()))
}

fn with(name: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}

fn scope() -> Option<InstrumentationScope> {
    let (name, version) = ("stage-sdk".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Some(InstrumentationScope { name, version, ..InstrumentationScope::default() })
}
