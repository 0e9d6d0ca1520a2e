//! `keys`: what waits in the retry lanes, and what is decided of it; in `pizza` for all stages and in
//! every stage program for its own.

mod decide;

use crate::broker::Broker;
use crate::chain::{Chain, StageRoute};
use crate::cli::{Reach, print};
use crate::columns::table;
use crate::core::{Policy, Rest, Wish};
use crate::dead_letter::Place;
use crate::dead_letter::page::{json_line, plain, plain_or_null};
use crate::lane;
use crate::redirect::Entry;
use crate::service::StartError;
use crate::topics::Topics;
use clap::Subcommand;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Look at what waits in the retry topics of stages, and decide about it.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    reach: Reach,

    /// Only this stage's [default: all stages with policy ordered]
    #[arg(long, value_name = "NAME", global = true)]
    stage: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// A line for each blocked key: the held first, then the longest blocked
    List,
    /// A line for each waiting record of a key, in the order in which they will come out
    Show {
        /// The key, as `list` shows it
        key: String,
    },
    /// Try the first record of a key now, also one that is held
    #[command(after_help = decide::ABOUT)]
    RetryNow(decide::Args),
    /// Give the first record of a key up, to the dead letters, and go on with the next
    #[command(after_help = decide::ABOUT)]
    Skip(decide::Args),
    /// Give all records of a key up that wait now, to the dead letters, in their order
    #[command(after_help = decide::ABOUT)]
    Release(decide::Args),
}

/// What every command works with.
struct Desk {
    broker: Broker,
    topics: Topics,
    chain: Chain,
    /// All that waits, by stage, partition and offset.
    waiting: Vec<Waiting>,
}

/// One waiting record.
#[derive(Clone)]
struct Waiting {
    stage: String,
    topic: String,
    partition: i32,
    offset: i64,
    entry: Entry,
    /// It has no key, or its stage keeps no order: it holds up nobody.
    alone: bool,
}

impl Args {
    /// For a stage's own program: its keys, unless another stage is named.
    pub(crate) fn of_stage(mut self, stage: &str, brokers: Option<String>) -> Args {
        self.stage.get_or_insert_with(|| stage.to_owned());
        self.reach.brokers = self.reach.brokers.or(brokers);
        self
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// A stage or flag is wrong, no broker answered within 30 s, the topics cannot be read, or what was
    /// decided was not done in time.
    pub fn run(&self) -> Result<(), StartError> {
        let desk = self.desk()?;
        match &self.command {
            Command::RetryNow(args) => decide::decide(desk, Wish::RetryNow, args, self.reach.json),
            Command::Skip(args) => decide::decide(desk, Wish::Skip, args, self.reach.json),
            Command::Release(args) => decide::decide(desk, Wish::Release, args, self.reach.json),
            Command::List => print(self.list(desk.waiting)),
            Command::Show { key } => print(self.show(key, desk.waiting)),
        }
    }

    fn list(&self, waiting: Vec<Waiting>) -> Vec<String> {
        let now = now();
        if self.reach.json {
            return list(waiting, now).iter().map(Blocked::json).collect();
        }
        let rows = list(waiting, now).iter().map(Blocked::cells).collect();
        page(["STAGE", "KEY", "STATE", "RECORDS", "FOR", "ATTEMPTS", "ERROR"], rows)
    }

    fn show(&self, key: &str, waiting: Vec<Waiting>) -> Vec<String> {
        let of_key: Vec<Waiting> = waiting.into_iter().filter(|one| one.key() == key).collect();
        if self.reach.json {
            return of_key.iter().map(Waiting::json).collect();
        }
        let (rows, now) = (of_key.iter().enumerate(), now());
        let rows = rows.map(|(at, waiting)| waiting.cells(now, at > 0)).collect();
        page(["STAGE", "FROM", "STATE", "FOR", "ATTEMPTS", "ERROR"], rows)
    }

    fn desk(&self) -> Result<Desk, StartError> {
        let chain = self.reach.chain()?;
        let stages = self.stages(&chain)?;
        let broker = self.reach.broker(Some(&chain))?;
        let topics = Topics::connect(&broker)?;
        let mut waiting = Vec::new();
        for stage in stages {
            waiting.extend(waiting_of(&broker, &topics, stage)?);
        }
        Ok(Desk { broker, topics, chain, waiting })
    }

    fn stages<'c>(&self, chain: &'c Chain) -> Result<Vec<&'c StageRoute>, StartError> {
        let ordered = |stage: &&StageRoute| stage.policy().policy.parks();
        let Some(name) = &self.stage else {
            return Ok(chain.stages.iter().filter(ordered).collect());
        };
        chain.service(name)?;
        let stage = chain.stage(name).filter(|stage| ordered(stage));
        let none = || {
            StartError::Usage(format!(
                "stage {name:?} parks no records: its policy is neither \"ordered\" nor \"retry-topic\" in {}",
                self.reach.config.display()
            ))
        };
        stage.map(|stage| vec![stage]).ok_or_else(none)
    }
}

/// What waits of a stage, by partition and offset.
fn waiting_of(
    broker: &Broker,
    topics: &Topics,
    stage: &StageRoute,
) -> Result<Vec<Waiting>, StartError> {
    let lane = lane::Topics::of(stage);
    let partitions = topics.target(&lane.redirect)?.partitions;
    let notes = lane::notes(broker, &lane, partitions).map_err(StartError::Runtime)?;
    let unordered = stage.policy().policy == Policy::RetryTopic;
    let waiting = notes.into_iter().map(|(partition, offset, entry)| {
        let (stage, topic) = (stage.name.clone(), stage.input.clone());
        let alone = unordered || entry.key().is_none();
        Waiting { stage, topic, partition, offset, entry, alone }
    });
    let mut waiting: Vec<Waiting> = waiting.collect();
    waiting.sort_by_key(|one| (one.partition, one.offset));
    Ok(waiting)
}

/// A blocked key: its first record says how it stands.
struct Blocked {
    head: Waiting,
    records: usize,
    state: String,
    age: String,
}

fn list(waiting: Vec<Waiting>, now: Duration) -> Vec<Blocked> {
    let mut keys: BTreeMap<_, Blocked> = BTreeMap::new();
    for waiting in waiting {
        let name = waiting.name();
        let (state, age) = (waiting.state(now), waiting.age(now));
        let blocked = Blocked { head: waiting, records: 0, state, age };
        keys.entry(name).or_insert(blocked).records += 1;
    }
    let mut list: Vec<Blocked> = keys.into_values().collect();
    list.sort_by_key(|blocked| {
        let entry = &blocked.head.entry;
        (entry.rest() != Rest::Held, entry.first().unwrap_or(Duration::MAX))
    });
    list
}

impl Blocked {
    fn cells(&self) -> [String; 7] {
        let Blocked { head, records, state, age } = self;
        let attempts = head.entry.attempts.to_string();
        let [stage, error] = [head.stage.clone(), head.error()];
        [stage, head.key(), state.clone(), records.to_string(), age.clone(), attempts, error]
    }

    fn json(&self) -> String {
        let mut object = self.head.object();
        object["records"] = self.records.into();
        json_line(&object)
    }
}

impl Waiting {
    /// What it waits with: its stage, partition and key.
    fn name(&self) -> (String, i32, Option<Vec<u8>>, i64) {
        let key = self.entry.key();
        let alone = if self.alone { self.offset } else { 0 };
        (self.stage.clone(), self.partition, key, alone)
    }

    fn place(&self) -> Place {
        Place { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    fn key(&self) -> String {
        plain_or_null(self.entry.key().as_deref())
    }

    fn error(&self) -> String {
        self.entry.error.as_deref().map_or("-".to_owned(), |text| plain(text.as_bytes()))
    }

    fn state(&self, now: Duration) -> String {
        match self.entry.rest() {
            Rest::Held => "held".to_owned(),
            Rest::Until(at) if at > now => format!("in {}", short(at - now)),
            Rest::Until(_) | Rest::Behind => "due".to_owned(),
        }
    }

    fn age(&self, now: Duration) -> String {
        self.entry.first().map_or("-".to_owned(), |first| short(now.saturating_sub(first)))
    }

    fn cells(&self, now: Duration, has_others_before: bool) -> [String; 6] {
        let behind = has_others_before && self.entry.rest() == Rest::Behind;
        let state = if behind { "behind".to_owned() } else { self.state(now) };
        let from = self.place().to_string();
        let attempts = self.entry.attempts.to_string();
        [self.stage.clone(), from, state, self.age(now), attempts, self.error()]
    }

    fn object(&self) -> serde_json::Value {
        let millis = |time: Duration| time.as_millis() as u64;
        let (held, due) = match self.entry.rest() {
            Rest::Held => (true, None),
            Rest::Until(at) => (false, Some(millis(at))),
            Rest::Behind => (false, None),
        };
        json!({
            "stage": self.stage,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key(),
            "held": held,
            "due": due,
            "attempts": self.entry.attempts,
            "first_failure": self.entry.first().map(millis),
            "error": self.entry.error,
        })
    }

    fn json(&self) -> String {
        json_line(&self.object())
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time as one says it: its largest unit.
fn short(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{} s", time.as_secs()),
        60..3600 => format!("{} min", time.as_secs() / 60),
        3600..86_400 => format!("{} h", time.as_secs() / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn page<const N: usize>(head: [&str; N], mut rows: Vec<[String; N]>) -> Vec<String> {
    if rows.is_empty() {
        return vec!["nothing waits".to_owned()];
    }
    rows.insert(0, head.map(str::to_owned));
    table(&rows, &[60; N]).lines().map(str::to_owned).collect()
}
