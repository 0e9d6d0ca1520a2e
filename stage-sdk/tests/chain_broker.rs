//! `plan` and `apply` against a broker, given by STAGE_TEST_BROKERS.

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use stage_sdk::broker::Broker;
use stage_sdk::chain::{Chain, plan};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A broker, and names on it that nobody else uses.
struct Place {
    broker: Broker,
    name: String,
}

impl Place {
    fn find(test: &str) -> Option<Place> {
        let Ok(servers) = std::env::var("STAGE_TEST_BROKERS") else {
            eprintln!("!!!!!! {test} IS SKIPPED: STAGE_TEST_BROKERS NAMES NO BROKER !!!!!!");
            return None;
        };
        let broker = Broker { servers, ..Broker::default() };
        Some(Place { broker, name: format!("t{:08x}", rand::random::<u32>()) })
    }

    fn topic(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Stage `s` from topic `in` to topic `out`; `more` follows each topic's partitions.
    fn chain(&self, partitions: i32, more: &str) -> Chain {
        let (input, output) = (self.topic("in"), self.topic("out"));
        let text = format!(
            "[chain]\nname = \"x\"\n[topics.{input}]\npartitions = {partitions}\nsource = true\n{more}\n[topics.{output}]\npartitions = {partitions}\n{more}\n[stages.s]\ninput = \"{input}\"\noutput = \"{output}\"\n"
        );
        Chain::parse(&text, "topics.toml").unwrap()
    }

    fn plan(&self, chain: &Chain) -> plan::Plan {
        plan::plan(chain, &self.broker).unwrap()
    }

    fn bring(&self, chain: &Chain) {
        plan::apply(&self.plan(chain), &self.broker).unwrap();
    }

    /// The settings made for the topic itself, asked without the SDK.
    fn settings(&self, topic: &str) -> BTreeMap<String, String> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.broker.servers).create().unwrap();
        let asked = [ResourceSpecifier::Topic(topic)];
        let answer = block_on(admin.describe_configs(&asked, &AdminOptions::new())).unwrap();
        let entries = answer.into_iter().next().unwrap().unwrap().entries.into_iter();
        let own = entries.filter(|entry| entry.source == ConfigSource::DynamicTopic);
        own.map(|entry| (entry.name, entry.value.unwrap())).collect()
    }
}

macro_rules! place {
    ($test:literal) => {
        match Place::find($test) {
            Some(place) => place,
            None => return,
        }
    };
}

#[test]
fn what_is_missing_is_made_and_then_there_is_nothing_to_do() {
    let at = place!("MAKING TOPICS");
    let chain = at.chain(3, "config = { \"retention.ms\" = 60000 }");
    let plan = at.plan(&chain);
    // The stage's topics: input, output, dead letters, and its retry lane's two.
    assert_eq!(plan.steps.len(), 5, "{plan}");
    let text = plan.to_string();
    assert!(text.contains(&format!("+ create topic {} (3 partitions)", at.topic("in"))), "{text}");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["steps"][0]["step"], "create", "{json}");
    plan::apply(&plan, &at.broker).unwrap();
    let again = at.plan(&chain);
    assert!(again.steps.is_empty() && again.refused.is_empty(), "{again}");
    assert!(again.to_string().starts_with("nothing to do"), "{again}");
    assert_eq!(at.settings(&at.topic("in"))["retention.ms"], "60000");
    let letters = at.settings(&format!("{}.s.dlq", at.topic("in")));
    assert_eq!(letters["message.timestamp.type"], "LogAppendTime");
    assert_eq!(letters["retention.ms"], "-1");
    // The plan of before, once more: it all fits.
    plan::apply(&plan, &at.broker).unwrap();
}

#[test]
fn partitions_grow_with_a_warning_and_never_shrink() {
    let at = place!("GROWING AND SHRINKING");
    at.bring(&at.chain(2, ""));
    let growing = at.plan(&at.chain(4, ""));
    let text = growing.to_string();
    assert!(text.contains(&format!("{}: partitions 2 -> 4", at.topic("in"))), "{text}");
    assert!(text.contains("keys"), "no warning in {text}");
    plan::apply(&growing, &at.broker).unwrap();
    plan::apply(&growing, &at.broker).unwrap(); // somebody else was there first: fine
    let shrinking = at.plan(&at.chain(3, ""));
    assert!(shrinking.steps.is_empty(), "{shrinking}");
    let refused = plan::apply(&shrinking, &at.broker).unwrap_err().to_string();
    let topic = at.topic("in");
    assert!(
        refused.contains(&topic) && refused.contains('4') && refused.contains('3'),
        "{refused}"
    );
    let text = shrinking.to_string();
    assert!(!text.contains("nothing to do") && text.contains(&topic), "{text}");
}

#[test]
fn a_setting_is_changed_and_its_neighbours_stay() {
    let at = place!("CHANGING SETTINGS");
    at.bring(&at.chain(1, "config = { \"retention.ms\" = 60000, \"segment.bytes\" = 2000000 }"));
    let chain = at.chain(1, "config = { \"retention.ms\" = 70000 }");
    let plan = at.plan(&chain);
    assert!(plan.to_string().contains("retention.ms 60000 -> 70000"), "{plan}");
    plan::apply(&plan, &at.broker).unwrap();
    let own = at.settings(&at.topic("in"));
    assert_eq!((own["retention.ms"].as_str(), own["segment.bytes"].as_str()), ("70000", "2000000"));
    assert!(at.plan(&chain).steps.is_empty());
}

#[test]
fn a_value_the_broker_refuses_is_an_error_that_names_it() {
    let at = place!("REFUSED SETTINGS");
    let wrong = at.chain(1, "config = { \"retention.ms\" = \"soon\" }");
    let error = plan::apply(&at.plan(&wrong), &at.broker).unwrap_err().to_string();
    for topic in ["in", "out"] {
        assert!(error.contains(&at.topic(topic)) && error.contains("retention.ms=soon"), "{error}");
    }
    at.bring(&at.chain(1, ""));
    let error = plan::apply(&at.plan(&wrong), &at.broker).unwrap_err().to_string();
    for topic in ["in", "out"] {
        assert!(error.contains(&at.topic(topic)) && error.contains("retention.ms=soon"), "{error}");
    }
}

#[test]
fn a_topic_somebody_else_made_meanwhile_must_fit() {
    let at = place!("TOPICS MADE MEANWHILE");
    let plan = at.plan(&at.chain(4, ""));
    at.bring(&at.chain(2, ""));
    let started = Instant::now();
    let error = plan::apply(&plan, &at.broker).unwrap_err().to_string();
    assert!(error.contains(&at.topic("in")) && error.contains("2 partitions"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let other = Place { broker: at.broker.clone(), name: format!("{}b", at.name) };
    let plan = other.plan(&other.chain(1, "config = { \"retention.ms\" = 60000 }"));
    other.bring(&other.chain(1, ""));
    let error = plan::apply(&plan, &other.broker).unwrap_err().to_string();
    assert!(error.contains("retention.ms"), "{error}");
}

#[test]
fn replicas_that_cannot_be_are_refused_before_anything_is_done() {
    let at = place!("REPLICAS");
    let refused = at.plan(&at.chain(1, "replication = 7")).refused;
    assert!(refused.iter().any(|text| text.contains(&at.topic("in")) && text.contains('7')));
    at.bring(&at.chain(1, ""));
    let refused = at.plan(&at.chain(1, "replication = 7")).refused;
    assert!(refused.iter().any(|text| text.contains(&at.topic("in")) && text.contains('7')));
}

#[test]
fn dead_letters_keep_room_for_what_the_broker_lets_into_their_input() {
    let at = place!("ROOM FOR DEAD LETTERS");
    at.bring(&at.chain(1, "config = { \"max.message.bytes\" = 3000000 }"));
    // Declared no more, still so on the broker: the dead letters need the room, and keep it.
    assert!(at.plan(&at.chain(1, "")).steps.is_empty(), "{}", at.plan(&at.chain(1, "")));
    // Declared to be less: what is in the dead letters already keeps its room.
    let less = at.plan(&at.chain(1, "config = { \"max.message.bytes\" = 2000000 }")).to_string();
    assert!(less.contains("3000000 -> 2000000") && !less.contains("dlq"), "{less}");
}
