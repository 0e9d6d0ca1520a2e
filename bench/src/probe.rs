//! Orders pizzas at one end of a chain, and waits for them at the other.

use crate::pizza::{Pizza, number_at, time_of};
use crate::place::{Place, fresh};
use crate::topics::PARTITIONS;
use anyhow::{Result, anyhow, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Between two pizzas that are ordered one by one, at least: everything is idle again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a pizza may take until it counts as lost.
const LOST: Duration = Duration::from_secs(30);

pub(crate) struct Probe {
    input: String,
    producer: ThreadedProducer<DefaultProducerContext>,
    consumer: BaseConsumer,
}

impl Probe {
    pub(crate) fn new(place: &Place, names: &[String]) -> Result<Probe> {
        let (input, output) = (&names[0], &names[names.len() - 1]);
        let consumer: BaseConsumer = place.reader(&fresh("probe")).create()?;
        let mut all = TopicPartitionList::new();
        all.add_partition_range(output, 0, PARTITIONS - 1);
        all.set_all_offsets(Offset::Beginning)?;
        consumer.assign(&all)?;
        let mut config = place.producer(None);
        config.set("linger.ms", "0");
        Ok(Probe { input: input.clone(), producer: config.create()?, consumer })
    }

    fn send(&self, number: usize) -> Result<()> {
        let pizza = Pizza::new(number as u64);
        let (key, value) = (pizza.key(), serde_json::to_vec(&pizza)?);
        let record = BaseRecord::to(&self.input).key(&key).payload(&value);
        let sent = self.producer.send(record.timestamp(time_of(number as u64)));
        sent.map_err(|(error, _)| error.into())
    }

    /// The number of the next finished pizza, unless there is none within this time.
    fn receive(&self, wait: Duration) -> Result<Option<usize>> {
        let Some(message) = self.consumer.poll(wait) else { return Ok(None) };
        Ok(message?.timestamp().to_millis().and_then(number_at).map(|number| number as usize))
    }

    /// The next one leaves after the last one has arrived, and a pause. In milliseconds.
    pub(crate) fn one_by_one(&self, records: usize) -> Result<Vec<f64>> {
        let mut all = Vec::new();
        for number in 0..records {
            let begin = Instant::now();
            self.send(number)?;
            while self.receive(Duration::from_millis(100))? != Some(number) {
                ensure!(begin.elapsed() < LOST, "pizza {number} did not arrive");
            }
            all.push(begin.elapsed().as_secs_f64() * 1e3);
            // Not in step with any timer of ours.
            sleep(PAUSE + Duration::from_micros(number as u64 * 7_919 % 50_000));
        }
        Ok(all)
    }

    /// A thousand a second, whatever arrives; of those that count, in milliseconds.
    pub(crate) fn thousand_a_second(
        &self,
        records: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Result<Vec<f64>> {
        // The chain is up once a pizza has come through.
        self.one_by_one(1)?;
        let begin = Instant::now();
        let due = |number: usize| Duration::from_millis(number as u64);
        let mut all = vec![f64::NAN; records];
        let expected = (1..=records).filter(|number| counts(*number)).count();
        scope(|scope| {
            let sender = scope.spawn(move || {
                (1..=records).try_for_each(|number| {
                    sleep(due(number).saturating_sub(begin.elapsed()));
                    self.send(number)
                })
            });
            let (mut arrived, mut since) = (0, Instant::now());
            while arrived < expected {
                let Some(number) = self.receive(Duration::from_millis(100))? else {
                    ensure!(since.elapsed() < LOST, "{arrived} of {expected} pizzas arrived");
                    continue;
                };
                if !counts(number) {
                    continue;
                }
                // From when it was due: a sender that falls behind is no excuse.
                let late = begin.elapsed().saturating_sub(due(number));
                let place = all.get_mut(number.wrapping_sub(1)).filter(|place| place.is_nan());
                *place.ok_or_else(|| anyhow!("pizza {number} came twice"))? =
                    late.as_secs_f64() * 1e3;
                (arrived, since) = (arrived + 1, Instant::now());
            }
            sender.join().map_err(|_| anyhow!("the sender panicked"))?
        })?;
        all.retain(|late| !late.is_nan());
        Ok(all)
    }
}
