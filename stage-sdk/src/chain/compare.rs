//! What is declared beside what the broker has.

use super::derived::{LIMIT, room, room_for_notes};
use super::plan::{Plan, Step};
use super::{Chain, StageRoute};
use crate::broker::Broker;
use crate::lane;
use crate::service::StartError;
use crate::topics::Topics;
use futures::executor::block_on;
use rdkafka::admin::{AdminOptions, ResourceSpecifier};
use rdkafka::metadata::{Metadata, MetadataTopic};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One question to the broker.
const ASK: Duration = Duration::from_secs(10);

/// Compares the chain with the broker; changes nothing.
///
/// # Errors
/// A setting is wrong, or no broker answers within 30 s.
pub fn plan(chain: &Chain, broker: &Broker) -> Result<Plan, StartError> {
    let topics = connect(broker)?;
    let away = |error| {
        let text = format!("the topics at {} cannot be listed: {error}", broker.servers);
        StartError::Runtime(text)
    };
    let cluster = topics.admin.inner().fetch_metadata(None, ASK).map_err(away)?;
    let mut found = BTreeMap::new();
    let declared = chain.all_topics();
    for name in declared.keys() {
        if let Some(topic) = topics.describe(name)? {
            found.insert(name.clone(), topic);
        }
    }
    let limit = if declared.keys().all(|name| found.contains_key(name)) {
        LIMIT
    } else {
        default_limit(&topics, &cluster)
    };
    let needs = needs(chain, &found, limit);
    let mut plan = Plan::default();
    for (name, mut topic) in declared {
        let need = needs.get(&name).copied();
        if let Some(need) = need {
            topic.config.insert("max.message.bytes".into(), need.to_string());
        }
        plan.refused.extend(replicas(&name, topic.replication, &cluster));
        let Some((partitions, config)) = found.get(&name) else {
            plan.steps.push(Step::Create {
                topic: name,
                partitions: topic.partitions,
                replication: topic.replication,
                config: topic.config,
            });
            continue;
        };
        if *partitions < topic.partitions {
            let (from, to) = (*partitions, topic.partitions);
            plan.refused.extend(parked(chain, broker, &name, from)?);
            plan.steps.push(Step::Grow { topic: name.clone(), from, to });
        } else if *partitions > topic.partitions {
            plan.refused.push(format!(
                "topic {name} has {partitions} partitions and {} are declared: Kafka cannot take partitions away; declare {partitions}, or give the topic another name",
                topic.partitions
            ));
        }
        for (setting, to) in topic.config {
            let from = config.get(&setting).cloned().unwrap_or_default();
            let roomy = setting == "max.message.bytes"
                && need.is_some_and(|need| from.parse::<u64>().is_ok_and(|have| have >= need));
            if !same(&from, &to) && !roomy {
                plan.steps.push(Step::Set { topic: name.clone(), name: setting, from, to });
            }
        }
    }
    Ok(plan)
}

/// How large dead letters may become, and parked records: as large as their input's records are, and
/// the reason why. What is declared of such a topic itself is left as declared.
fn needs(
    chain: &Chain,
    found: &BTreeMap<String, (i32, BTreeMap<String, String>)>,
    default: u64,
) -> BTreeMap<String, u64> {
    let declared = |topic: &str| chain.topics.get(topic)?.config.get("max.message.bytes").cloned();
    let on_broker = |topic: &str| found.get(topic)?.1.get("max.message.bytes").cloned();
    let mut needs = BTreeMap::new();
    for stage in &chain.stages {
        let letters = Chain::dead_letter_topic(stage);
        let limit = declared(&stage.input).or_else(|| on_broker(&stage.input));
        let limit: u64 = limit.and_then(|limit| limit.parse().ok()).unwrap_or(default);
        if declared(&letters).is_none() {
            needs.insert(letters, room(limit.max(LIMIT)));
        }
        let retry = Chain::retry_topic(stage);
        if stage.policy().policy.parks() && declared(&retry).is_none() {
            needs.insert(retry, room(limit.max(LIMIT)));
        }
        let redirect = Chain::redirect_topic(stage);
        if stage.policy().policy.parks() && declared(&redirect).is_none() {
            needs.insert(redirect, room_for_notes(limit.max(LIMIT)));
        }
    }
    needs
}

/// Why an input may not have more partitions: a key's records would go to another one while earlier
/// ones wait.
fn parked(
    chain: &Chain,
    broker: &Broker,
    input: &str,
    partitions: i32,
) -> Result<Option<String>, StartError> {
    let reads = |stage: &&StageRoute| stage.input == input && stage.policy().policy.parks();
    for stage in chain.stages.iter().filter(reads) {
        let topics = lane::Topics::of(stage);
        let parked = lane::parked(broker, &topics, partitions).map_err(StartError::Runtime)?;
        if parked > 0 {
            return Ok(Some(format!(
                "topic {input} has {parked} records waiting in {}: more partitions would lead their keys' next records elsewhere; let stage {} work them off first",
                topics.retry, stage.name
            )));
        }
    }
    Ok(None)
}

/// The limit of a topic that is made without one.
fn default_limit(topics: &Topics, cluster: &Metadata) -> u64 {
    let limit = || {
        let asked = [ResourceSpecifier::Broker(cluster.brokers().first()?.id())];
        let options = AdminOptions::new().request_timeout(Some(ASK));
        let answer = block_on(topics.admin.describe_configs(&asked, &options)).ok()?;
        let broker = answer.into_iter().next()?.ok()?;
        broker.get("message.max.bytes")?.value.as_ref()?.parse().ok()
    };
    limit().unwrap_or(LIMIT)
}

/// Why the declared replicas cannot be.
fn replicas(name: &str, declared: Option<i32>, cluster: &Metadata) -> Option<String> {
    let declared = declared?;
    let brokers = cluster.brokers().len();
    if declared as usize > brokers {
        return Some(format!(
            "topic {name}: {declared} replicas are declared and the cluster has {brokers} brokers; declare at most {brokers}"
        ));
    }
    let topic = cluster.topics().iter().find(|topic| topic.name() == name)?;
    let have: BTreeSet<usize> = counts(topic).filter(|have| *have != declared as usize).collect();
    let have = have.first()?;
    Some(format!(
        "topic {name} has {have} replicas and {declared} are declared: replicas are moved with Kafka's kafka-reassign-partitions; do that, or declare {have}"
    ))
}

fn counts(topic: &MetadataTopic) -> impl Iterator<Item = usize> {
    topic.partitions().iter().map(|partition| partition.replicas().len())
}

/// Whether two texts are one value to Kafka.
pub(super) fn same(a: &str, b: &str) -> bool {
    let parts = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    let fraction = |text: &str| text.parse::<f64>().ok().filter(|_| text.contains('.'));
    let equal = |a: &String, b: &String| {
        a.eq_ignore_ascii_case(b) || fraction(a).is_some_and(|a| b.parse() == Ok(a))
    };
    let (a, b) = (parts(a), parts(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| equal(a, b))
}

pub(super) fn connect(broker: &Broker) -> Result<Topics, StartError> {
    broker.check().map_err(|error| StartError::Usage(error.to_string()))?;
    Ok(Topics::connect(broker)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_kafka_reads_them() {
        for (a, b) in [("1", "1"), ("0.50", "0.5"), ("TRUE", "true"), ("a, b", "a,b")] {
            assert!(same(a, b) && same(b, a), "{a} {b}");
        }
        let close = ("9223372036854775807", "9223372036854775806");
        for (a, b) in [("1", "2"), ("a,b", "a"), ("", "1"), ("0.5", "0.51"), close] {
            assert!(!same(a, b) && !same(b, a), "{a} {b}");
        }
    }
}
