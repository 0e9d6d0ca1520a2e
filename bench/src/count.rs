//! An independent reader: is every pizza of the input in the output, once, in its key's order?

use crate::pizza::{SAUCE, number_at};
use crate::place::{Place, fresh};
use crate::topics::PARTITIONS;
use anyhow::{Context, Result, ensure};
use clap::Args;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// How long the end of a topic must stay the end once the count is right, and otherwise.
const STILL: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(5)];

#[derive(Args)]
pub(crate) struct Options {
    /// The topic that was read.
    #[arg(long)]
    input: String,
    /// The topic that was written.
    #[arg(long)]
    output: String,
    /// How many records the input holds.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let input = read(place, &options.input, options.records, "")?;
    let output = read(place, &options.output, options.records, SAUCE)?;
    compare(&input, &output, true)?;
    println!("{} records, each once, in order", options.records);
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

/// `exactly`: none may be there twice.
pub(crate) fn compare(input: &Seen, output: &Seen, exactly: bool) -> Result<()> {
    let pairs = || input.partitions.iter().zip(&output.partitions);
    let missing = pairs().filter(|(from, to)| from.is_some() && to.is_none()).count();
    let moved = pairs().filter(|(from, to)| to.is_some() && from != to).count();
    let Seen { twice, strangers, disordered, .. } = *output;
    let report = format!(
        "{missing} missing, {twice} twice, {disordered} out of their key's order, {moved} in another partition, {strangers} not ours"
    );
    ensure!(missing as u64 + strangers + moved as u64 == 0, report);
    ensure!(!exactly || twice + disordered == 0, report);
    Ok(())
}

/// Reads a topic whose pizzas have this sauce to its end.
pub(crate) fn read(place: &Place, topic: &str, records: u64, sauce: &str) -> Result<Seen> {
    let consumer: BaseConsumer =
        place.reader(&fresh("count")).set("enable.partition.eof", "true").create()?;
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, PARTITIONS - 1);
    all.set_all_offsets(Offset::Beginning)?;
    consumer.assign(&all)?;
    let mut seen = Seen {
        partitions: vec![None; records as usize],
        twice: 0,
        strangers: 0,
        disordered: 0,
        last: HashMap::new(),
    };
    let sauce = format!("\"sauce\":\"{sauce}\"");
    let (mut count, mut at_end, mut since) = (0, BTreeSet::new(), Instant::now());
    loop {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => {
                at_end.remove(&message.partition());
                since = Instant::now();
                count += 1;
                seen.take(&message, &sauce).with_context(|| format!("{topic}: {message:?}"))?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_end.insert(partition);
            }
            Some(Err(error)) => return Err(error).context("read what was written"),
            None => {
                let still = STILL[usize::from(count < records)];
                let all_at_end = at_end.len() == PARTITIONS as usize;
                if all_at_end && since.elapsed() > still {
                    return Ok(seen);
                }
                ensure!(since.elapsed() < Duration::from_secs(30), "{topic} has no end");
            }
        }
    }
}

impl Seen {
    fn take(&mut self, message: &BorrowedMessage<'_>, sauce: &str) -> Result<()> {
        let payload = message.payload().context("no value")?;
        let sauced = payload.windows(sauce.len()).any(|part| part == sauce.as_bytes());
        let number = message.timestamp().to_millis().and_then(number_at);
        let place = number.and_then(|number| self.partitions.get_mut(number as usize));
        let (true, Some(number), Some(place)) = (sauced, number, place) else {
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
