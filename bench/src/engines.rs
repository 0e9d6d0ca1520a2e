//! Our broker beside Apache Kafka: what one producer and one consumer get through it, and what that
//! costs the broker.

use crate::figures::{Spread, save};
use crate::fill::{self, Input};
use crate::place::{Place, fresh};
use crate::topics::{PARTITIONS, Topics};
use crate::{quiet, usage};
use anyhow::{Result, ensure};
use clap::Args;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Options {
    /// Process id of our broker, at --brokers.
    #[arg(long)]
    pid: u32,
    /// Bootstrap address of an Apache Kafka on this machine.
    #[arg(long)]
    kafka: String,
    /// Its process id.
    #[arg(long)]
    kafka_pid: u32,
    /// Rounds that count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rounds before those: a young Java process gets faster for a while.
    #[arg(long, default_value_t = 3)]
    warm_up: usize,
    /// How many pizzas a round.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How often they are consumed: once costs a broker a few ticks of the clock it is measured with.
    #[arg(long, default_value_t = 20)]
    reads: u64,
}

struct Engine {
    name: &'static str,
    place: Place,
    pid: u32,
}

/// One way through a broker.
#[derive(Clone, Copy, Serialize)]
struct Pass {
    records_per_second: f64,
    broker_cpu_seconds: f64,
}

#[derive(Serialize)]
struct Round {
    produce: Pass,
    consume: Pass,
}

#[derive(Serialize)]
struct Figures {
    records: u64,
    reads: u64,
    own: Vec<Round>,
    kafka: Vec<Round>,
    produced_per_cpu_second_to_kafkas: Spread,
    consumed_per_cpu_second_to_kafkas: Spread,
    produced_per_second_to_kafkas: Spread,
    consumed_per_second_to_kafkas: Spread,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let kafka = Place { brokers: options.kafka.clone(), ..place.clone() };
    let engines = [
        Engine { name: "own", place: place.clone(), pid: options.pid },
        Engine { name: "kafka", place: kafka, pid: options.kafka_pid },
    ];
    let mut rounds = [const { Vec::new() }; 2];
    for round in 0..options.warm_up + options.rounds {
        for turn in 0..2 {
            let which = (turn + round) % 2;
            quiet::wait(Duration::from_secs(place.patience))?;
            let found = engines[which].round(options)?;
            let counts = round >= options.warm_up;
            println!(
                "{} {:<6} produce {:>8.0}/s {:>5.2} CPU s, consume {:>8.0}/s {:>5.2} CPU s",
                if counts {
                    format!("round {}", round + 1 - options.warm_up)
                } else {
                    "warm up".into()
                },
                engines[which].name,
                found.produce.records_per_second,
                found.produce.broker_cpu_seconds,
                found.consume.records_per_second,
                found.consume.broker_cpu_seconds,
            );
            if counts {
                rounds[which].push(found);
            }
        }
    }
    let [own, kafka] = rounds;
    let ratio = |of: &dyn Fn(&Round) -> f64| {
        Spread::of(own.iter().zip(&kafka).map(|(own, kafka)| of(own) / of(kafka)))
    };
    let figures = Figures {
        records: options.records,
        reads: options.reads,
        produced_per_cpu_second_to_kafkas: ratio(&|round| 1.0 / round.produce.broker_cpu_seconds),
        consumed_per_cpu_second_to_kafkas: ratio(&|round| 1.0 / round.consume.broker_cpu_seconds),
        produced_per_second_to_kafkas: ratio(&|round| round.produce.records_per_second),
        consumed_per_second_to_kafkas: ratio(&|round| round.consume.records_per_second),
        own,
        kafka,
    };
    println!("\nours to Apache Kafka's, median (min–max)");
    println!("produced per second          {}", figures.produced_per_second_to_kafkas);
    println!("produced per CPU second      {}", figures.produced_per_cpu_second_to_kafkas);
    println!("consumed per second          {}", figures.consumed_per_second_to_kafkas);
    println!("consumed per CPU second      {}", figures.consumed_per_cpu_second_to_kafkas);
    save(place, "engines.json", &figures)
}

impl Engine {
    fn round(&self, &Options { records, reads, .. }: &Options) -> Result<Round> {
        let topics = Topics::connect(&self.place)?;
        let topic = fresh("engine");
        topics.create(&topic)?;
        let produce =
            self.pass(records, || fill::fill(&self.place, &topics, &topic, Input::of(records)))?;
        let consume = self
            .pass(records * reads, || (0..reads).try_for_each(|_| self.consume(&topic, records)))?;
        topics.delete(&topic)?;
        Ok(Round { produce, consume })
    }

    fn pass(&self, records: u64, work: impl FnOnce() -> Result<()>) -> Result<Pass> {
        let (cpu, begin) = (usage::cpu_seconds(self.pid)?, Instant::now());
        work()?;
        let seconds = begin.elapsed().as_secs_f64();
        Ok(Pass {
            records_per_second: records as f64 / seconds,
            // What it used less than a tick of is a tick.
            broker_cpu_seconds: (usage::cpu_seconds(self.pid)? - cpu).max(0.01),
        })
    }

    fn consume(&self, topic: &str, records: u64) -> Result<()> {
        let mut config = self.place.reader(&fresh("engine"));
        config.set("queued.min.messages", "1000000");
        let consumer: BaseConsumer = config.create()?;
        let mut all = TopicPartitionList::new();
        all.add_partition_range(topic, 0, PARTITIONS - 1);
        all.set_all_offsets(Offset::Beginning)?;
        consumer.assign(&all)?;
        for count in 0..records {
            let Some(message) = consumer.poll(Duration::from_secs(30)) else {
                ensure!(false, "{count} of {records} records came");
                break;
            };
            message?;
        }
        Ok(())
    }
}
