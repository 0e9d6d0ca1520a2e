//! Arroyo's pipelines, which it calls experimental.

use crate::{COMMIT, Topper};
use anyhow::{Result, anyhow};
use futures::{Stream, stream};
use peers::job::terminated;
use sentry_arroyo::backends::AsyncProducer;
use sentry_arroyo::backends::kafka::producer::{AsyncKafkaProducer, KafkaProducer};
use sentry_arroyo::backends::kafka::types::KafkaPayload;
use sentry_arroyo::processing::stream::{
    KafkaProducerHandler, KafkaSource, LogHandler, Pipeline, PipelineEnvelope, PipelineExt,
    PipelineRunner, PullSource, Stage, StageResult,
};
use sentry_arroyo::types::TopicOrPartition;
use std::sync::Arc;

/// How many deliveries may be waited for at a time.
const IN_FLIGHT: usize = 10_000;

type Envelope = PipelineEnvelope<KafkaPayload>;

pub(crate) async fn run<P: Pipeline>(
    topper: Arc<Topper>,
    pipeline: fn(Arc<Topper>) -> P,
) -> Result<()> {
    let source = Arc::new(KafkaSource::new(topper.consumer(), &[topper.input()]));
    let to_stop = source.clone();
    tokio::spawn(async move {
        terminated().await.ok();
        to_stop.shutdown();
    });
    let build = || pipeline(topper.clone());
    PipelineRunner::run(&*source, COMMIT, build).await.map_err(|error| anyhow!("{error}"))
}

/// As in the documentation: done when librdkafka has it.
pub(crate) struct AtOnce {
    top: Top,
    produce: KafkaProducerHandler,
}

impl AtOnce {
    pub(crate) fn new(topper: Arc<Topper>) -> AtOnce {
        let producer = KafkaProducer::new(topper.producer()).expect("a producer");
        AtOnce { produce: KafkaProducerHandler::new(producer, topper.output()), top: Top(topper) }
    }
}

impl Pipeline for AtOnce {
    type Output = KafkaPayload;

    fn stream(
        self,
        source: impl Stream<Item = StageResult<KafkaPayload>> + Send,
    ) -> impl Stream<Item = StageResult<KafkaPayload>> + Send {
        awake(source).apply(self.top).on_next(self.produce).on_reject(LogHandler)
    }
}

/// Done when it is delivered.
pub(crate) struct Delivered {
    top: Top,
    deliver: Deliver,
}

impl Delivered {
    pub(crate) fn new(topper: Arc<Topper>) -> Delivered {
        let producer = AsyncKafkaProducer::new(topper.producer()).expect("a producer");
        Delivered { deliver: Deliver { producer, output: topper.output() }, top: Top(topper) }
    }
}

impl Pipeline for Delivered {
    type Output = KafkaPayload;

    fn stream(
        self,
        source: impl Stream<Item = StageResult<KafkaPayload>> + Send,
    ) -> impl Stream<Item = StageResult<KafkaPayload>> + Send {
        let topped = awake(source).apply(self.top);
        topped.apply_concurrent(self.deliver, IN_FLIGHT).on_reject(LogHandler)
    }
}

/// Offsets are committed when something comes by: without this, those of the last second would wait
/// for the next record.
fn awake(
    source: impl Stream<Item = StageResult<KafkaPayload>> + Send,
) -> impl Stream<Item = StageResult<KafkaPayload>> + Send {
    let ticks = stream::unfold(tokio::time::interval(COMMIT), async |mut interval| {
        interval.tick().await;
        Some((StageResult::Skip, interval))
    });
    stream::select(source, ticks)
}

struct Top(Arc<Topper>);

impl Stage for Top {
    type In = KafkaPayload;
    type Out = KafkaPayload;

    async fn process(&self, envelope: Envelope) -> StageResult<KafkaPayload> {
        let topped = envelope.try_map_payload(|message| self.0.top(&message));
        topped.map_or_else(|error| StageResult::Fail(error.into()), StageResult::Emit)
    }

    fn name(&self) -> &str {
        "top"
    }
}

struct Deliver {
    producer: AsyncKafkaProducer,
    output: TopicOrPartition,
}

impl Stage for Deliver {
    type In = KafkaPayload;
    type Out = KafkaPayload;

    async fn process(&self, envelope: Envelope) -> StageResult<KafkaPayload> {
        match self.producer.produce(&self.output, envelope.payload.clone()).await {
            Ok(()) => StageResult::Emit(envelope),
            Err(error) => StageResult::Fail(Box::new(error)),
        }
    }

    fn name(&self) -> &str {
        "deliver"
    }
}
