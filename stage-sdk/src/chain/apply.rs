//! The change itself, and whether the broker shows it.

use super::compare::{connect, same};
use super::plan::{Plan, Step};
use crate::broker::Broker;
use crate::service::StartError;
use crate::topics::Topics;
use futures::executor::block_on;
use rdkafka::admin::{
    AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long an applied change may take to be seen.
const SEEN: Duration = Duration::from_secs(15);

/// The same where nothing is under way: what is not seen by then was refused.
const SETTLED: Duration = Duration::from_secs(2);

/// Does what the plan says; when this returns the broker shows it. What somebody else did
/// meanwhile is fine if it fits. A refused step does not keep the others from being done.
///
/// # Errors
/// Something is refused, by the plan or by the broker, or is not seen in time: all of it.
pub fn apply(plan: &Plan, broker: &Broker) -> Result<(), StartError> {
    plan.permitted()?;
    if plan.steps.is_empty() {
        return Ok(());
    }
    let topics = connect(broker)?;
    let mut failed = Vec::new();
    let mut waiting = Vec::new();
    for step in &plan.steps {
        match ask(&topics, step) {
            Ok(patience) => waiting.push((step, patience)),
            Err(text) => failed.push(text),
        }
    }
    failed.extend(set(&topics, plan)?);
    let asked = Instant::now();
    for (step, patience) in waiting {
        while let Some(text) = missing(&topics, step)? {
            if asked.elapsed() > patience {
                failed.push(text);
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(StartError::Runtime(failed.join("\n"))) }
}

/// Asks for one step, and says how long to wait for it; settings are asked for by topic, later.
fn ask(topics: &Topics, step: &Step) -> Result<Duration, String> {
    let options = AdminOptions::new().operation_timeout(Some(SEEN));
    let (answer, been_done) = match step {
        Step::Create { topic, partitions, replication, config } => {
            let replicas = TopicReplication::Fixed(replication.unwrap_or(-1));
            let mut new = NewTopic::new(topic, *partitions, replicas);
            for (name, value) in config {
                new = new.set(name, value);
            }
            let answer = block_on(topics.admin.create_topics([&new], &options));
            (answer, RDKafkaErrorCode::TopicAlreadyExists)
        }
        Step::Grow { topic, to, .. } => {
            let new = NewPartitions::new(topic, *to as usize);
            let answer = block_on(topics.admin.create_partitions([&new], &options));
            (answer, RDKafkaErrorCode::InvalidPartitions)
        }
        Step::Set { .. } => return Ok(SETTLED),
    };
    let failed = |error: &dyn std::fmt::Display| Err(format!("{}: {error}", what(step)));
    match answer.map(|topics| topics.into_iter().find_map(Result::err)) {
        Ok(None) => Ok(SEEN),
        // Somebody else was first; whether it fits is seen at once.
        Ok(Some((_, code))) if code == been_done => Ok(SETTLED),
        Ok(Some((_, code))) => failed(&code),
        Err(error) => failed(&error),
    }
}

/// What could not be done, and with which values.
fn what(step: &Step) -> String {
    match step {
        Step::Create { topic, partitions, config, .. } => {
            let config: Vec<_> = config.iter().map(|(name, to)| format!("{name}={to}")).collect();
            let config = config.join(", ");
            format!("topic {topic} cannot be made with {partitions} partitions and {config}")
        }
        Step::Grow { topic, from, to } => {
            format!("topic {topic} cannot grow from {from} to {to} partitions")
        }
        Step::Set { topic, name, to, .. } => format!("topic {topic} cannot have {name}={to}"),
    }
}

/// Asks for all settings of a topic together: Kafka's alter replaces the whole of them, so its
/// other ones are said again. The answer tells nothing: rdkafka drops what the broker says of a
/// single topic. Whether it was done is seen afterwards.
fn set(topics: &Topics, plan: &Plan) -> Result<Vec<String>, StartError> {
    let mut wanted: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for step in &plan.steps {
        if let Step::Set { topic, name, to, .. } = step {
            wanted.entry(topic).or_default().push((name, to));
        }
    }
    let mut failed = Vec::new();
    for (topic, changes) in wanted {
        let own = topics.own_settings(topic)?;
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in &own {
            alter = alter.set(name, value);
        }
        for (name, value) in changes {
            alter = alter.set(name, value);
        }
        let answer: KafkaResult<_> =
            block_on(topics.admin.alter_configs([&alter], &AdminOptions::new()));
        if let Err(error) = answer {
            failed.push(format!("the settings of topic {topic} cannot be changed: {error}"));
        }
    }
    Ok(failed)
}

/// What of a step the broker does not show; none: it is done.
fn missing(topics: &Topics, step: &Step) -> Result<Option<String>, StartError> {
    let (Step::Create { topic, .. } | Step::Grow { topic, .. } | Step::Set { topic, .. }) = step;
    let Some((partitions, config)) = topics.describe(topic)? else {
        return Ok(Some(format!("topic {topic} was asked for and is not there; plan again")));
    };
    let count = |wanted: &i32| {
        (partitions != *wanted).then(|| {
            format!("topic {topic} has {partitions} partitions and not {wanted}; plan again")
        })
    };
    let setting = |(name, wanted): (&String, &String)| {
        let have = config.get(name).map_or("", String::as_str);
        (!same(have, wanted))
            .then(|| format!("topic {topic} has {name}={have} and not {name}={wanted}"))
    };
    Ok(match step {
        Step::Create { partitions, config, .. } => {
            let setting = config.iter().find_map(setting).map(|text| text + "; plan again");
            count(partitions).or(setting)
        }
        Step::Grow { to, .. } => count(to),
        Step::Set { name, to, .. } => setting((name, to)).map(|text| {
            text + ": the broker refused it; is that a value Kafka knows, and may this user alter it?"
        }),
    })
}
