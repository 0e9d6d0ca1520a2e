//! A handler of up to 1,000 records.
//!
//! It publishes by itself, all at a time: the answers of a batch RustStream would publish one after
//! the other, each when the one before it is delivered.

use crate::{Topper, stop, topic};
use futures::future::join_all;
use peers::pizza::Pizza;
use ruststream::runtime::{BrokerScope, Outs};
use ruststream_rdkafka::prelude::*;
use serde::{Deserialize, Serialize};

pub(crate) fn mount(scope: &mut BrokerScope<KafkaBroker>, topper: Topper) {
    let input = topic(&topper).commit(Commit::Tracked);
    let top = subscriber(input, Top(topper)).batch(nonzero!(1000)).on_failure(stop()).build();
    scope.include(top).out(Output, Publish::default()).build();
}

/// The record's key, by the name RustStream knows it under.
#[derive(Serialize, Deserialize)]
struct Key {
    #[serde(rename = "kafka-partition-key")]
    key: String,
}

#[derive(Serialize, Outgoing)]
#[outgoing(headers = Key)]
#[serde(transparent)]
struct Keyed(Pizza);

#[derive(OutSlot)]
#[publishes(Keyed)]
struct Output;

struct Top(Topper);

impl<Out> Handle<[Message<Key, Pizza>], (), Outs<(Out,)>> for Top
where
    Out: OutEntry<Output, Wire: Publisher>,
{
    async fn handle(
        &self,
        pizzas: &[Message<Key, Pizza>],
        outs: &Outs<(Out,)>,
        _: &mut Context<'_>,
    ) -> Result<(), Vec<HandlerOutcome>> {
        let (topper, output) = (&self.0, outs.get(Output));
        let publish = async |pizza: &Message<Key, Pizza>| {
            topper.progress.begin();
            let topped = Keyed(topper.top(&pizza.body));
            topper.progress.end();
            let message = output.message(&topped).to(&topper.job.output);
            // A panic ends the service; a retry would come again without a word.
            message.with_headers(&pizza.headers).publish().await.expect("the answer is delivered");
        };
        join_all(pizzas.iter().map(publish)).await;
        Ok(())
    }
}
