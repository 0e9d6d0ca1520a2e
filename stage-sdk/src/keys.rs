//! `keys`: what waits in the retry lanes, in `pizza` for all stages and in every stage program for its
//! own.

use crate::chain::{Chain, StageRoute};
use crate::cli::{Reach, print};
use crate::columns::table;
use crate::core::Rest;
use crate::dead_letter::page::{plain, plain_or_null};
use crate::lane;
use crate::redirect::Entry;
use crate::service::StartError;
use crate::topics::Topics;
use clap::Subcommand;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Look at what waits in the retry topics of stages with policy `ordered`.
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
}

/// One waiting record.
struct Waiting {
    stage: String,
    topic: String,
    partition: i32,
    offset: i64,
    entry: Entry,
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
    /// A stage or flag is wrong, no broker answered within 30 s, or the topics cannot be read.
    pub fn run(&self) -> Result<(), StartError> {
        let waiting = self.waiting()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lines = match &self.command {
            Command::List if self.reach.json => {
                list(waiting, now).iter().map(Blocked::json).collect()
            }
            Command::List => {
                let rows = list(waiting, now).iter().map(Blocked::cells).collect();
                page(["STAGE", "KEY", "STATE", "RECORDS", "FOR", "ATTEMPTS", "ERROR"], rows)
            }
            Command::Show { key } => {
                let of_key = |waiting: &Waiting| waiting.key() == *key;
                let of_key: Vec<Waiting> = waiting.into_iter().filter(of_key).collect();
                if self.reach.json {
                    of_key.iter().map(Waiting::json).collect()
                } else {
                    let rows = of_key.iter().enumerate();
                    let rows = rows.map(|(at, waiting)| waiting.cells(now, at > 0)).collect();
                    page(["STAGE", "FROM", "STATE", "FOR", "ATTEMPTS", "ERROR"], rows)
                }
            }
        };
        print(lines)
    }

    /// All that waits, by stage, partition and offset.
    fn waiting(&self) -> Result<Vec<Waiting>, StartError> {
        let chain = self.reach.chain()?;
        let stages = self.stages(&chain)?;
        let broker = self.reach.broker(Some(&chain))?;
        let topics = Topics::connect(&broker)?;
        let mut all = Vec::new();
        for stage in stages {
            let lane = lane::Topics::of(stage);
            let partitions = topics.target(&lane.redirect)?.partitions;
            let notes = lane::notes(&broker, &lane, partitions).map_err(StartError::Runtime)?;
            all.extend(notes.into_iter().map(|(partition, offset, entry)| {
                let (stage, topic) = (stage.name.clone(), stage.input.clone());
                Waiting { stage, topic, partition, offset, entry }
            }));
        }
        all.sort_by(|a, b| {
            (&a.stage, a.partition, a.offset).cmp(&(&b.stage, b.partition, b.offset))
        });
        Ok(all)
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
        let key = waiting.entry.key();
        // Without a key each waits by itself.
        let alone = if key.is_none() { waiting.offset } else { 0 };
        let place = (waiting.stage.clone(), waiting.partition, key, alone);
        let (state, age) = (waiting.state(now), waiting.age(now));
        let blocked = Blocked { head: waiting, records: 0, state, age };
        keys.entry(place).or_insert(blocked).records += 1;
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
        object.to_string()
    }
}

impl Waiting {
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
        let from = format!("{}[{}]@{}", self.topic, self.partition, self.offset);
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
        self.object().to_string()
    }
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
