//! An independent reader: is every pizza of the input in the output, once, in its key's order, and with
//! all its toppings?

use crate::fill::Input;
use crate::pizza::Pizza;
use crate::place::{Place, fresh};
use anyhow::{Context, Result, ensure};
use clap::Args;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

/// How long the end of a topic must stay the end once the count is right, and otherwise.
const STILL: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(5)];

#[derive(Args)]
pub(crate) struct Options {
    /// The topic that was read.
    #[arg(long)]
    from: String,
    /// The topic that was written.
    #[arg(long)]
    to: String,
    /// How many stations are between them.
    #[arg(long, default_value_t = 1)]
    stations: usize,
    #[command(flatten)]
    input: Input,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let input = read(place, &options.from, options.input, 0)?;
    let output = read(place, &options.to, options.input, options.stations)?;
    let found = Difference::between(&input, &output);
    ensure!(found.none(), "{found}");
    println!("{} records, each once, in order", options.input.records);
    Ok(())
}

/// What a topic holds, as a read-committed consumer sees it.
pub(crate) struct Seen {
    /// The partition that each pizza was first found in.
    partitions: Vec<Option<i32>>,
    twice: u64,
    strangers: u64,
    disordered: u64,
    last: HashMap<Vec<u8>, u64>,
}

/// What an output has otherwise than its input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) missing: u64,
    pub(crate) twice: u64,
    /// Behind a later one of its key.
    pub(crate) disordered: u64,
    /// In a partition of another number: another partitioner.
    pub(crate) moved: u64,
    /// Not of the input, or without its toppings.
    pub(crate) strangers: u64,
}

impl Difference {
    pub(crate) fn between(input: &Seen, output: &Seen) -> Difference {
        let pairs = || input.partitions.iter().zip(&output.partitions);
        Difference {
            missing: pairs().filter(|(from, to)| from.is_some() && to.is_none()).count() as u64,
            twice: output.twice,
            disordered: output.disordered,
            moved: pairs().filter(|(from, to)| to.is_some() && from != to).count() as u64,
            strangers: output.strangers,
        }
    }

    pub(crate) fn none(&self) -> bool {
        let Difference { missing, twice, disordered, moved, strangers } = self;
        missing + twice + disordered + moved + strangers == 0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { missing, twice, disordered, moved, strangers } = self;
        let all = [
            (missing, "missing"),
            (twice, "twice"),
            (disordered, "out of their key's order"),
            (moved, "in another partition"),
            (strangers, "not ours"),
        ];
        let some = all.iter().filter(|(count, _)| **count > 0);
        let texts: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(&texts.join(", "))
    }
}

/// Reads a topic of pizzas that have been through so many stations, to its end.
pub(crate) fn read(place: &Place, topic: &str, input: Input, stations: usize) -> Result<Seen> {
    let Input { records, partitions, .. } = input;
    let consumer: BaseConsumer =
        place.reader(&fresh("count")).set("enable.partition.eof", "true").create()?;
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, partitions - 1);
    all.set_all_offsets(Offset::Beginning)?;
    consumer.assign(&all)?;
    let mut seen = Seen {
        partitions: vec![None; records as usize],
        twice: 0,
        strangers: 0,
        disordered: 0,
        last: HashMap::new(),
    };
    let (mut count, mut at_end, mut since) = (0, BTreeSet::new(), Instant::now());
    loop {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                at_end.remove(&message.partition());
                since = Instant::now();
                count += 1;
                seen.take(&message, stations).with_context(|| format!("{topic}: {message:?}"))?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_end.insert(partition);
            }
            Some(Err(error)) => return Err(error).context("read what was written"),
            None => {
                let still = STILL[usize::from(count < records)];
                let all_at_end = at_end.len() == partitions as usize;
                if all_at_end && since.elapsed() > still {
                    return Ok(seen);
                }
                ensure!(since.elapsed() < Duration::from_secs(30), "{topic} has no end");
            }
        }
    }
}

impl Seen {
    fn take(&mut self, message: &BorrowedMessage<'_>, stations: usize) -> Result<()> {
        let payload = message.payload().context("no value")?;
        let pizza = serde_json::from_slice::<Pizza>(payload).ok();
        let pizza = pizza.filter(|pizza| pizza.toppings() == stations);
        let Some(Pizza { number, .. }) = pizza else {
            self.strangers += 1;
            return Ok(());
        };
        let Some(place) = self.partitions.get_mut(number as usize) else {
            self.strangers += 1;
            return Ok(());
        };
        if place.replace(message.partition()).is_some() {
            self.twice += 1;
        }
        let key = message.key().context("no key")?;
        match self.last.get_mut(key) {
            Some(last) if *last >= number => self.disordered += 1,
            Some(last) => *last = number,
            None => {
                self.last.insert(key.to_vec(), number);
            }
        }
        Ok(())
    }
}
