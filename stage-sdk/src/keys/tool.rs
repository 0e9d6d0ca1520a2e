//! `keys`: the command.

mod decide;

use super::blocked::{Key, in_order};
use super::waiting::{self, Waiting};
use crate::broker::Broker;
use crate::chain::{Chain, StageRoute};
use crate::cli::{Reach, print};
use crate::columns::table;
use crate::core::Wish;
use crate::dead_letter::page::json_line;
use crate::service::StartError;
use crate::topics::Topics;
use clap::Subcommand;
use serde::Serialize;
use std::time::Duration;

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
        let keys = in_order(waiting);
        if self.reach.json {
            return keys.iter().map(|key| line(&key.blocked())).collect();
        }
        let now = waiting::now();
        let rows = keys.iter().map(|key| cells(key, now)).collect();
        page(["STAGE", "KEY", "STATE", "RECORDS", "FOR", "ATTEMPTS", "ERROR"], rows)
    }

    fn show(&self, key: &str, waiting: Vec<Waiting>) -> Vec<String> {
        let of_key: Vec<Waiting> = waiting.into_iter().filter(|one| one.key() == key).collect();
        if self.reach.json {
            return of_key.iter().map(|waiting| line(&waiting.parked())).collect();
        }
        let (rows, now) = (of_key.iter().enumerate(), waiting::now());
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
            waiting.extend(waiting::of(&broker, &topics, stage)?);
        }
        Ok(Desk { broker, topics, chain, waiting })
    }

    fn stages<'c>(&self, chain: &'c Chain) -> Result<Vec<&'c StageRoute>, StartError> {
        let Some(name) = &self.stage else {
            return Ok(chain.stages.iter().filter(|stage| waiting::parks(stage).is_ok()).collect());
        };
        chain.service(name)?;
        let named: Vec<_> = chain.stage(name).into_iter().collect();
        named.iter().try_for_each(|stage| waiting::parks(stage))?;
        Ok(named)
    }
}

fn cells(key: &Key, now: Duration) -> [String; 7] {
    let (head, records) = (key.head(), key.records.len().to_string());
    let attempts = head.entry.attempts.to_string();
    let [state, age] = [head.state(now), head.age(now)];
    [head.stage.clone(), head.key(), state, records, age, attempts, head.error()]
}

/// One of them as JSON.
fn line(one: &impl Serialize) -> String {
    // A struct of texts and numbers has a JSON form.
    json_line(&serde_json::to_value(one).unwrap_or_default())
}

fn page<const N: usize>(head: [&str; N], mut rows: Vec<[String; N]>) -> Vec<String> {
    if rows.is_empty() {
        return vec!["nothing waits".to_owned()];
    }
    rows.insert(0, head.map(str::to_owned));
    table(&rows, &[60; N]).lines().map(str::to_owned).collect()
}
