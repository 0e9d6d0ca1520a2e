//! `dead-letters`: the command, in `pizza` for all stages and in every stage program for its own.

use super::{count, drop, filter::Filter, list, replay, show};
use crate::broker::Broker;
use crate::chain::Chain;
use crate::cli::Reach;
use crate::service::StartError;
use crate::topics::Topics;
use clap::Subcommand;
use std::io::IsTerminal as _;

/// Look at dead letters, send them on their way again, or drop them.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    reach: Reach,

    /// Those of this stage; with --topic also the name of a connector [default: all stages]
    #[arg(long, value_name = "NAME", global = true)]
    stage: Option<String>,

    /// Look in this topic instead, whoever writes it; may be given several times
    #[arg(long, value_name = "TOPIC", global = true)]
    topic: Vec<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// A line for each dead letter that is still open
    List(list::Args),
    /// All there is to say of one: value, headers, error, coordinates
    Show(show::Args),
    /// How many there are, by reason, stage or hour
    Count(count::Args),
    /// Send them to the topic they came from, another, or their stage's retry lane: each once, in order,
    /// also after kill -9
    #[command(after_help = replay::ABOUT)]
    Replay(replay::Args),
    /// Be done with them without replaying them
    #[command(after_help = drop::ABOUT)]
    Drop(drop::Args),
}

/// What every command works with.
pub(super) struct Desk {
    pub(super) broker: Broker,
    pub(super) admin: Topics,
    /// The dead-letter topics that are looked at.
    pub(super) topics: Vec<String>,
    pub(super) json: bool,
    /// The route map, if there is one or one is needed.
    pub(super) chain: Option<Chain>,
    /// Only letters that name this stage.
    pub(super) stage: Option<String>,
    /// Somebody sits before it, and may be shown how far it is.
    pub(super) is_watched: bool,
}

impl Args {
    /// For a stage's own program: its dead letters, unless others are asked for.
    pub(crate) fn of_stage(mut self, stage: &str, brokers: Option<String>) -> Args {
        if self.topic.is_empty() {
            self.stage.get_or_insert_with(|| stage.to_owned());
        }
        self.reach.brokers = self.reach.brokers.or(brokers);
        self
    }

    /// Does what was asked.
    ///
    /// # Errors
    /// A stage, topic or flag is wrong, no broker answered within 30 s, or it failed on the way.
    pub fn run(&self) -> Result<(), StartError> {
        let desk = self.desk()?;
        match &self.command {
            Command::List(args) => list::list(&desk, args),
            Command::Show(args) => show::show(&desk, args),
            Command::Count(args) => count::count(&desk, args),
            Command::Replay(args) => replay::replay(&desk, args),
            Command::Drop(args) => drop::drop(&desk, args),
        }
    }

    fn desk(&self) -> Result<Desk, StartError> {
        // Who names topics and brokers needs no route map.
        let needed = self.topic.is_empty() || self.reach.brokers.is_none();
        let chain = match needed || self.reach.config.exists() {
            true => Some(self.reach.chain()?),
            false => None,
        };
        let broker = self.reach.broker(chain.as_ref())?;
        let mut topics = self.topic.clone();
        if let Some(chain) = chain.as_ref().filter(|_| topics.is_empty()) {
            topics = match &self.stage {
                Some(name) => vec![chain.service(name)?.dead_letters],
                None => chain.stages.iter().map(Chain::dead_letter_topic).collect(),
            };
        }
        let stage = self.stage.clone().filter(|_| !self.topic.is_empty());
        let admin = Topics::connect(&broker)?;
        let is_watched = std::io::stderr().is_terminal();
        Ok(Desk { broker, admin, topics, json: self.reach.json, chain, stage, is_watched })
    }
}

impl Desk {
    pub(super) fn filter(&self, given: &Filter) -> Filter {
        let stage = given.stage.clone().or_else(|| self.stage.clone());
        Filter { stage, ..given.clone() }
    }
}
