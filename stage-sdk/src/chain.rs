//! `topics.toml`, the route map: which topics there are, and which stage reads and writes which.
//!
//! A topic's name is spelled there and nowhere else. Reading it finds every problem at once, each
//! with its line and the nearest name that is known.

mod syntax;

mod table;

mod item;

mod read;

mod route;

mod settings;

mod duration;

mod check;

mod names;

mod retry;

mod cycle;

mod problem;

mod derived;

pub mod plan;

mod compare;

mod apply;

pub mod tool;

pub use duration::duration;
pub(crate) use names::illegal;
pub use problem::{Problem, Problems};
pub use retry::RetryRoute;

use crate::broker::Broker;
use crate::core::{Retry, Settings};
use crate::dead_letter::Dialect;
use crate::program::{Format, Program};
use crate::service::{Delivery, Service, StartError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The route map: stages joined by topics.
///
/// ```
/// use stage_sdk::chain::Chain;
///
/// let map = r#"
///     [chain]
///     name = "demo"
///     [topics]
///     words = { partitions = 3, source = true }
///     loud = { partitions = 3 }
///     [stages.shout]
///     input = "words"
///     output = "loud"
/// "#;
/// let chain = Chain::parse(map, "topics.toml").unwrap();
/// assert_eq!(chain.topics["loud"].partitions, 3);
/// let shout = chain.stage("shout").unwrap();
/// assert_eq!(Chain::dead_letter_topic(shout), "words.shout.dlq");
/// assert_eq!(chain.service("shout").unwrap().group, "demo.shout");
///
/// let wrong = Chain::parse(&map.replace("loud\"\n", "lout\"\n"), "topics.toml").unwrap_err();
/// assert_eq!(wrong.all[0].line, 9);
/// assert!(wrong.to_string().contains(r#"did you mean "loud"?"#), "{wrong}");
/// ```
#[derive(Clone, Debug)]
pub struct Chain {
    /// The chain's name; a stage's group is `<chain>.<stage>`.
    pub name: String,
    /// Where the brokers are, if neither flag nor variable says.
    pub brokers: Option<String>,
    /// What is produced is compressed with this: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: String,
    /// The declared topics, by name.
    pub topics: BTreeMap<String, Topic>,
    /// The stages, in the file's order.
    pub stages: Vec<StageRoute>,
    file: PathBuf,
}

/// A declared topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas; none: the broker's default.
    pub replication: Option<i32>,
    /// Somebody outside the chain writes it.
    pub source: bool,
    /// Kafka's own topic settings.
    pub config: BTreeMap<String, String>,
}

/// One stage's place.
#[derive(Clone, Debug)]
pub struct StageRoute {
    /// Its name.
    pub name: String,
    /// The topic it reads.
    pub input: String,
    /// The topic its outputs go to; none: it has none.
    pub output: Option<String>,
    /// Named outputs: the name in code, and the topic.
    pub outputs: Vec<(String, String)>,
    /// Exactly once, or at least once.
    pub delivery: Delivery,
    /// What a failure leads to; [`StageRoute::policy`] is the whole of it.
    pub retry: RetryRoute,
    /// Records without a key are rejected.
    pub key_required: bool,
    /// Its outputs may lie in other partitions than its inputs.
    pub repartition: bool,
    /// Handlers of an async stage at once.
    pub max_in_flight: usize,
    /// For one attempt of an async handler.
    pub timeout: Duration,
    /// Header names of other tools that its dead letters have as well.
    pub dialects: Vec<Dialect>,
    /// Its consumer group, if it is not `<chain>.<stage>`.
    pub group: Option<String>,
    /// Its outputs and offsets live in a database: the API's view is one.
    pub sink: bool,
    /// A program of somebody else's: drawn, not started.
    pub external: bool,
    /// The program, and its arguments, that is the stage and answers line by line; empty: there is none.
    pub command: Vec<String>,
    /// The program, and its arguments, that is the stage's service, made with this library; empty: there is none.
    pub service: Vec<String>,
    /// What values are to that program.
    pub format: Format,
}

impl StageRoute {
    /// The program that is the stage and answers line by line.
    pub fn program(&self) -> Option<Program> {
        let (command, timeout) = (self.command.clone(), self.timeout);
        let program = Program { command, format: self.format, timeout };
        (!self.command.is_empty()).then_some(program)
    }

    /// What a failure leads to, with the delivery of the route map.
    ///
    /// ```
    /// use stage_sdk::Delivery;
    /// use stage_sdk::chain::Chain;
    /// use stage_sdk::core::Policy;
    ///
    /// let map = r#"
    ///     [chain]
    ///     name = "demo"
    ///     [topics]
    ///     words = { partitions = 3, source = true }
    ///     loud = { partitions = 3 }
    ///     [stages.shout]
    ///     input = "words"
    ///     output = "loud"
    /// "#;
    /// let chain = Chain::parse(map, "topics.toml").unwrap();
    /// let shout = chain.stage("shout").unwrap();
    /// assert_eq!(shout.policy().policy, Policy::Ordered);
    /// assert_eq!(shout.policy_with(Delivery::AtLeastOnce).policy, Policy::InPlace);
    /// assert_eq!(Chain::dead_letter_topic(shout), "words.shout.dlq");
    /// assert!(chain.all_topics().contains_key("words.shout.retry"));
    /// ```
    pub fn policy(&self) -> Retry {
        self.policy_with(self.delivery)
    }

    /// What a failure leads to where it is started with another delivery. A stage that parks has topics
    /// for it only if the route map's delivery lets it park.
    pub fn policy_with(&self, delivery: Delivery) -> Retry {
        let is_ours = !self.sink && !self.external;
        let may_park = [self.delivery, delivery] == [Delivery::ExactlyOnce; 2] && is_ours;
        self.retry.policy(may_park)
    }
}

impl Chain {
    /// Reads and checks a route map.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has problems: all of them.
    pub fn read(path: &Path) -> Result<Chain, Problems> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let hint = "give the route map with --config";
            Problems::one(&file, 0, format!("cannot be read: {error}; {hint}"))
        })?;
        Chain::parse(&text, &file)
    }

    /// As [`read`](Chain::read), from text; `file` is what problems are said of.
    ///
    /// ```
    /// use stage_sdk::chain::Chain;
    ///
    /// let map = r#"
    ///     [chain]
    ///     name = "demo"
    ///     [topics]
    ///     words = { partitions = 3, source = true }
    ///     loud = { partitions = 3 }
    ///     [stages.shout]
    ///     input = "words"
    ///     output = "lowd"
    /// "#;
    /// let problems = Chain::parse(map, "topics.toml").unwrap_err().to_string();
    /// assert!(problems.contains("loud"), "the nearest name: {problems}");
    /// let chain = Chain::parse(&map.replace("lowd", "loud"), "topics.toml").unwrap();
    /// assert_eq!(chain.service("shout").unwrap().group, "demo.shout");
    /// ```
    ///
    /// # Errors
    /// It is no TOML, or has problems: all of them.
    pub fn parse(text: &str, file: &str) -> Result<Chain, Problems> {
        let (mut chain, mut problems, places) = read::read(text, file)?;
        check::check(&chain, &places, &mut problems);
        chain.file = file.into();
        problems.into_result(chain)
    }

    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageRoute> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The service of a stage, without brokers.
    ///
    /// # Errors
    /// There is no stage of this name; the nearest one is named.
    pub fn service(&self, name: &str) -> Result<Service, StartError> {
        let stage = self.stage(name).ok_or_else(|| {
            let known = self.stages.iter().map(|stage| stage.name.as_str());
            let hint = problem::nearest(name, known)
                .map_or(String::new(), |near| format!("; did you mean {near:?} (--stage {near})?"));
            let file = self.file.display();
            StartError::Usage(format!("{file}: there is no stage {name:?}{hint}"))
        })?;
        Ok(Service {
            stage: stage.name.clone(),
            group: stage.group.clone().unwrap_or_else(|| format!("{}.{}", self.name, stage.name)),
            input: stage.input.clone(),
            output: stage.output.clone(),
            outputs: stage.outputs.clone(),
            dead_letters: Chain::dead_letter_topic(stage),
            retry_topic: Chain::retry_topic(stage),
            redirect_topic: Chain::redirect_topic(stage),
            dialects: stage.dialects.clone(),
            broker: Broker {
                servers: self.brokers.clone().unwrap_or_default(),
                overrides: Vec::new(),
                compression: self.compression.clone(),
            },
            delivery: stage.delivery,
            workers: 1,
            seed: None,
            state_dir: None,
            key_required: stage.key_required,
            repartition: stage.repartition,
            admin: None,
            watched: false,
            #[cfg(feature = "otel")]
            otel: None,
            settings: Settings {
                max_in_flight: stage.max_in_flight,
                timeout: stage.timeout,
                retry: stage.policy(),
                ..Settings::default()
            },
        })
    }
}
