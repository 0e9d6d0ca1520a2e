//! Handlers of one record, whose answer RustStream publishes.

use crate::{Topper, stop, topic};
use peers::job::Delivery;
use peers::pizza::Pizza;
use ruststream::runtime::{self, BrokerScope, PublishContext};
use ruststream_rdkafka::PARTITION_KEY_HEADER;
use ruststream_rdkafka::prelude::*;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::time::Duration;

pub(crate) fn quick_start(scope: &mut BrokerScope<KafkaBroker>, topper: Topper) {
    let (input, output) = (topic(&topper).commit(Commit::Tracked), topper.job.output.clone());
    let top = subscriber(input, Top { topper, work: Duration::ZERO });
    let top = top.reply().to(output).on_failure(stop()).build();
    scope.include(top).out_reply(Publish::default()).transform(SameKey);
}

pub(crate) fn keyed(
    scope: &mut BrokerScope<KafkaBroker>,
    topper: Topper,
    work: Duration,
    workers: NonZeroUsize,
) {
    let output = topper.job.output.clone();
    let input = topic(&topper).lane_key(LaneKey::RecordKey);
    let pipeline = topper.job.group.clone();
    match topper.job.delivery {
        Delivery::AtLeastOnce => {
            let top = subscriber(input.commit(Commit::Tracked), Top { topper, work });
            let top = top.reply().to(output).workers_by_key(workers).on_failure(stop()).build();
            scope.include(top).out_reply(Publish::default()).transform(SameKey);
        }
        Delivery::ExactlyOnce => {
            let commit = Commit::Transactional(pipeline.clone());
            let top = subscriber(input.commit(commit), Top { topper, work });
            let top = top.reply().to(output).workers_by_key(workers).on_failure(stop()).build();
            let publish = EosPublish::new(pipeline);
            scope.include(top).out_reply(publish).transform(EosReplies).transform(SameKey);
        }
    }
}

/// A key's next record waits until the answer to the one before is delivered, so librdkafka's default
/// of 5 ms is what would take the time. In a transaction a little of it is faster than none.
pub(crate) fn linger(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::AtLeastOnce => "0",
        Delivery::ExactlyOnce => "0.1",
    }
}

/// The answer to a pizza: the same, topped.
#[derive(Serialize, Outgoing)]
#[serde(transparent)]
struct Topped(Pizza);

struct Top {
    topper: Topper,
    work: Duration,
}

impl Handle<Pizza, Topped> for Top {
    async fn handle(
        &self,
        pizza: &Pizza,
        _: &(),
        _: &mut Context<'_>,
    ) -> Result<Topped, HandlerOutcome> {
        self.topper.progress.begin();
        if !self.work.is_zero() {
            tokio::time::sleep(self.work).await;
        }
        let topped = Topped(self.topper.top(pizza));
        self.topper.progress.end();
        Ok(topped)
    }
}

/// Gives an answer the key of what it answers.
struct SameKey;

impl<C, Options> PublishTransform<ForReply<C>, Options> for SameKey {
    type Destination = Reads;

    fn apply(
        &self,
        out: &mut runtime::Outgoing<'_>,
        _: &mut Option<Options>,
        cx: &PublishContext<'_, C>,
    ) {
        if let Some(key) = cx.headers().get_shared(PARTITION_KEY_HEADER) {
            out.headers_mut().insert(PARTITION_KEY_HEADER, key);
        }
    }
}
