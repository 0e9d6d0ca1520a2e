//! What would change on the broker, and the change.
//!
//! Nothing is ever shrunk or deleted here; what cannot be is refused with both figures.

use super::Chain;
use crate::broker::Broker;
use crate::service::StartError;
use crate::topics::Topics;
use futures::executor::block_on;
use rdkafka::admin::{
    AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How long an applied change may take to be seen.
const SEEN: Duration = Duration::from_secs(15);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// A topic that is missing.
    Create {
        /// Its name.
        topic: String,
        /// Its partitions.
        partitions: i32,
        /// Its replicas; none: the broker's default.
        replication: Option<i32>,
        /// Its settings.
        config: BTreeMap<String, String>,
    },
    /// A topic with fewer partitions than declared. Keys move to other partitions.
    Grow {
        /// Its name.
        topic: String,
        /// Its partitions now.
        from: i32,
        /// As declared.
        to: i32,
    },
    /// A setting that differs.
    Set {
        /// The topic.
        topic: String,
        /// The setting.
        name: String,
        /// Its value now.
        from: String,
        /// As declared.
        to: String,
    },
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which it is done.
    pub steps: Vec<Step>,
    /// What is declared and cannot be done.
    pub refused: Vec<String>,
}

impl Plan {
    /// Ok unless something was refused.
    ///
    /// # Errors
    /// What was refused, a line each.
    pub fn permitted(&self) -> Result<(), StartError> {
        if self.refused.is_empty() {
            Ok(())
        } else {
            Err(StartError::Usage(self.refused.join("\n")))
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("nothing to do: the broker's topics are as declared");
        }
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match step {
                Step::Create { topic, partitions, .. } => {
                    write!(f, "+ create topic {topic} ({partitions} partitions)")?;
                }
                Step::Grow { topic, from, to } => write!(
                    f,
                    "~ {topic}: partitions {from} -> {to}; keys move, so their order holds only among records from then on"
                )?,
                Step::Set { topic, name, from, to } => {
                    write!(f, "~ {topic}: {name} {from} -> {to}")?
                }
            }
        }
        Ok(())
    }
}

/// Compares the chain with the broker; changes nothing.
///
/// # Errors
/// A setting is wrong, or no broker answers within 30 s.
pub fn plan(chain: &Chain, broker: &Broker) -> Result<Plan, StartError> {
    let topics = connect(broker)?;
    let mut plan = Plan::default();
    for (name, declared) in chain.all_topics() {
        let Some((partitions, config)) = topics.describe(&name)? else {
            plan.steps.push(Step::Create {
                topic: name,
                partitions: declared.partitions,
                replication: declared.replication,
                config: declared.config,
            });
            continue;
        };
        if partitions < declared.partitions {
            plan.steps.push(Step::Grow {
                topic: name.clone(),
                from: partitions,
                to: declared.partitions,
            });
        } else if partitions > declared.partitions {
            plan.refused.push(format!(
                "topic {name} has {partitions} partitions and {} are declared: Kafka cannot take partitions away; declare {partitions}, or give the topic another name",
                declared.partitions
            ));
        }
        for (setting, to) in declared.config {
            let from = config.get(&setting).cloned().unwrap_or_default();
            if from != to {
                plan.steps.push(Step::Set { topic: name.clone(), name: setting, from, to });
            }
        }
    }
    Ok(plan)
}

/// Does what the plan says; when this returns the broker shows it. What somebody else did
/// meanwhile is fine.
///
/// # Errors
/// Something is refused, by the plan or by the broker, or is not seen in time.
pub fn apply(plan: &Plan, broker: &Broker) -> Result<(), StartError> {
    plan.permitted()?;
    if plan.steps.is_empty() {
        return Ok(());
    }
    let topics = connect(broker)?;
    for step in &plan.steps {
        one(&topics, step)?;
    }
    let until = Instant::now() + SEEN;
    for step in &plan.steps {
        let (topic, wanted) = match step {
            Step::Create { topic, partitions, .. } => (topic, *partitions),
            Step::Grow { topic, to, .. } => (topic, *to),
            Step::Set { .. } => continue,
        };
        while topics.describe(topic)?.is_none_or(|(have, _)| have < wanted) {
            if Instant::now() > until {
                let text = format!(
                    "topic {topic} was asked for and is not seen after {} s",
                    SEEN.as_secs()
                );
                return Err(StartError::Runtime(text));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn one(topics: &Topics, step: &Step) -> Result<(), StartError> {
    let options = AdminOptions::new().operation_timeout(Some(SEEN));
    let admin = &topics.admin;
    let (topic, answer) = match step {
        Step::Create { topic, partitions, replication, config } => {
            let mut new = NewTopic::new(
                topic,
                *partitions,
                TopicReplication::Fixed(replication.unwrap_or(-1)),
            );
            for (name, value) in config {
                new = new.set(name, value);
            }
            let answer = block_on(admin.create_topics([&new], &options));
            (
                topic,
                answer.map(|all| {
                    all.into_iter()
                        .filter_map(|one| one.err().map(|(_, code)| code))
                        .collect::<Vec<_>>()
                }),
            )
        }
        Step::Grow { topic, to, .. } => {
            let new = NewPartitions::new(topic, *to as usize);
            let answer = block_on(admin.create_partitions([&new], &options));
            (
                topic,
                answer.map(|all| {
                    all.into_iter().filter_map(|one| one.err().map(|(_, code)| code)).collect()
                }),
            )
        }
        Step::Set { topic, .. } => return set(topics, topic, step),
    };
    let failed = |error: &dyn fmt::Display| {
        Err(StartError::Runtime(format!("topic {topic} could not be changed: {error}")))
    };
    match answer {
        Err(error) => failed(&error),
        Ok(codes) => {
            match codes.into_iter().find(|code| *code != RDKafkaErrorCode::TopicAlreadyExists) {
                Some(code) => failed(&code),
                None => Ok(()),
            }
        }
    }
}

/// Kafka's alter replaces all of a topic's settings: so the others are said again.
fn set(topics: &Topics, topic: &str, step: &Step) -> Result<(), StartError> {
    let Step::Set { name, to, .. } = step else { return Ok(()) };
    let mut all = topics.own_settings(topic)?;
    all.insert(name.clone(), to.clone());
    let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (name, value) in &all {
        alter = alter.set(name, value);
    }
    let answer = block_on(topics.admin.alter_configs([&alter], &AdminOptions::new()));
    let failed = |error: &dyn fmt::Display| {
        Err(StartError::Runtime(format!("{name}={to} could not be set on topic {topic}: {error}")))
    };
    match answer {
        Err(error) => failed(&error),
        Ok(results) => match results.into_iter().find_map(Result::err) {
            Some((_, code)) => failed(&code),
            None => Ok(()),
        },
    }
}

fn connect(broker: &Broker) -> Result<Topics, StartError> {
    broker.check().map_err(|error| StartError::Usage(error.to_string()))?;
    Ok(Topics::connect(broker)?)
}
