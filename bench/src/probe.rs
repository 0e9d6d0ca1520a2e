//! Orders pizzas at one end of a chain, and waits for them at the other.

use crate::fill::Input;
use crate::pizza::Pizza;
use crate::place::{Place, fresh};
use crate::topics::PARTITIONS;
use anyhow::{Context, Result, anyhow, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Between two pizzas that are ordered one by one, at least: everything is idle again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a pizza may take until it counts as lost.
const LOST: Duration = Duration::from_secs(60);

pub(crate) struct Probe {
    input: String,
    producer: ThreadedProducer<DefaultProducerContext>,
    consumer: BaseConsumer,
    /// The number of the next pizza.
    next: u64,
    /// Whether a pizza may come twice: at least once.
    repeats: bool,
}

impl Probe {
    /// `names`: of the topics, from the first to the last; `repeats`: whether a pizza may come twice.
    pub(crate) fn new(place: &Place, names: &[String], repeats: bool) -> Result<Probe> {
        let (input, output) = (names[0].clone(), &names[names.len() - 1]);
        let consumer: BaseConsumer = place.reader(&fresh("probe")).create()?;
        let mut all = TopicPartitionList::new();
        all.add_partition_range(output, 0, PARTITIONS - 1);
        all.set_all_offsets(Offset::Beginning)?;
        consumer.assign(&all)?;
        let mut config = place.producer(None);
        config.set("linger.ms", "0");
        Ok(Probe { input, producer: config.create()?, consumer, next: 0, repeats })
    }

    fn send(&self, number: u64) -> Result<()> {
        let pizza = Pizza::new(number, Input::of(0));
        let (key, value) = (pizza.key(), serde_json::to_vec(&pizza)?);
        let sent = self.producer.send(BaseRecord::to(&self.input).key(&key).payload(&value));
        sent.map_err(|(error, _)| error.into())
    }

    /// The number of the next finished pizza, unless there is none within this time.
    fn receive(&self, wait: Duration) -> Result<Option<u64>> {
        let Some(message) = self.consumer.poll(wait) else { return Ok(None) };
        let message = message?;
        let pizza: Pizza = serde_json::from_slice(message.payload().context("no value")?)?;
        Ok(Some(pizza.number))
    }

    /// The next one leaves after the last one has arrived, and a pause. In milliseconds.
    pub(crate) fn one_by_one(&mut self, records: usize) -> Result<Vec<f64>> {
        let mut all = Vec::new();
        for _ in 0..records {
            let (number, begin) = (self.next, Instant::now());
            self.next += 1;
            self.send(number)?;
            while self.receive(Duration::from_millis(100))? != Some(number) {
                ensure!(begin.elapsed() < LOST, "pizza {number} did not arrive");
            }
            all.push(begin.elapsed().as_secs_f64() * 1e3);
            // Not in step with any timer of ours.
            sleep(PAUSE + Duration::from_micros(number * 7_919 % 50_000));
        }
        Ok(all)
    }

    /// So many a second, whatever arrives; of those that count, by their number, in milliseconds.
    pub(crate) fn paced(
        &mut self,
        rate: u32,
        records: usize,
        counts: impl Fn(u64) -> bool,
    ) -> Result<Vec<f64>> {
        let (from, begin) = (self.next, Instant::now());
        let to = from + records as u64;
        self.next = to;
        let due = |number: u64| Duration::from_secs_f64((number - from) as f64 / f64::from(rate));
        let mut all = vec![f64::NAN; records];
        let expected = (from..to).filter(|number| counts(*number)).count();
        let this = &*self;
        scope(|scope| {
            let sender = scope.spawn(move || {
                (from..to).try_for_each(|number| {
                    sleep(due(number).saturating_sub(begin.elapsed()));
                    this.send(number)
                })
            });
            let (mut arrived, mut since) = (0, Instant::now());
            while arrived < expected {
                let Some(number) = this.receive(Duration::from_millis(100))? else {
                    ensure!(since.elapsed() < LOST, "{arrived} of {expected} pizzas arrived");
                    continue;
                };
                if !counts(number) {
                    continue;
                }
                let place = number.checked_sub(from).and_then(|at| all.get_mut(at as usize));
                let place = place.filter(|place| place.is_nan());
                if place.is_none() && this.repeats {
                    continue;
                }
                // From when it was due: a sender that falls behind is no excuse.
                *place.ok_or_else(|| anyhow!("pizza {number} came twice"))? =
                    begin.elapsed().saturating_sub(due(number)).as_secs_f64() * 1e3;
                (arrived, since) = (arrived + 1, Instant::now());
            }
            sender.join().map_err(|_| anyhow!("the sender panicked"))?
        })?;
        all.retain(|late| !late.is_nan());
        Ok(all)
    }
}
