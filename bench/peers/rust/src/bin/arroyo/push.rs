//! As in Arroyo's documentation: `RunTask`, then `Produce`, then `CommitOffsets`.

use crate::{COMMIT, Topper};
use anyhow::{Result, anyhow};
use peers::job::terminated;
use sentry_arroyo::backends::kafka::producer::KafkaProducer;
use sentry_arroyo::backends::kafka::types::KafkaPayload;
use sentry_arroyo::processing::StreamProcessor;
use sentry_arroyo::processing::strategies::commit_offsets::CommitOffsets;
use sentry_arroyo::processing::strategies::produce::Produce;
use sentry_arroyo::processing::strategies::run_task::RunTask;
use sentry_arroyo::processing::strategies::run_task_in_threads::ConcurrencyConfig;
use sentry_arroyo::processing::strategies::{ProcessingStrategy, ProcessingStrategyFactory};
use sentry_arroyo::types::Message;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Threads that produce: as in the documentation.
const CONCURRENCY: usize = 5;

pub(crate) fn run(topper: Arc<Topper>, runtime: &Runtime) -> Result<()> {
    let (config, input) = (topper.consumer(), topper.input());
    let strategies = Strategies { topper, concurrency: ConcurrencyConfig::new(CONCURRENCY) };
    let processor = StreamProcessor::with_kafka(config, strategies, input, None);
    let mut handle = processor.get_handle();
    runtime.spawn(async move {
        terminated().await.ok();
        handle.signal_shutdown();
    });
    // Not every one of its errors can be sent between threads, as ours has to.
    processor.run().map_err(|error| anyhow!("{error}: {error:?}"))
}

struct Strategies {
    topper: Arc<Topper>,
    concurrency: ConcurrencyConfig,
}

impl ProcessingStrategyFactory<KafkaPayload> for Strategies {
    fn create(&self) -> Box<dyn ProcessingStrategy<KafkaPayload>> {
        let topper = self.topper.clone();
        let producer = KafkaProducer::new(topper.producer()).expect("a producer");
        let (commit, output) = (CommitOffsets::new(COMMIT), topper.output());
        let produce = Produce::new(commit, producer, &self.concurrency, output);
        // An error would only skip the message; a panic is what ends the processor.
        let top = move |message: Message<KafkaPayload>| {
            let topped = topper.top(message.payload()).expect("a pizza");
            Ok(message.replace(topped))
        };
        Box::new(RunTask::new(top, produce))
    }
}
