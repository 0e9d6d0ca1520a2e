//! TOML to a chain: every key is known or a problem, every value has its type or is a problem.

use super::problem::Problems;
use super::table::{Reader, Table, line_of};
use super::{Chain, StageRoute, Topic};
use crate::core::{Exhausted, Policy, Retry, Settings};
use crate::service::Delivery;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// The line of each table and key, by its dotted path.
pub(super) type Places = BTreeMap<String, usize>;

/// Reads what there is; problems do not end the reading.
pub(super) fn read(text: &str, file: &str) -> Result<(Chain, Problems, Places), Problems> {
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(text, span.start));
        Problems::one(file, line, error.message().to_owned())
    })?;
    let mut reader = Reader { text, problems: Problems::none(file), places: Places::new() };
    let mut chain = Chain {
        name: String::new(),
        brokers: None,
        compression: "none".into(),
        topics: BTreeMap::new(),
        stages: Vec::new(),
        file: file.into(),
    };
    let root = Table { reader: &mut reader, path: String::new(), line: 1, table: root.get_ref() };
    root.known(&["chain", "topics", "stages"], |key, mut item| match key {
        "chain" => item.table(|table| read_chain(table, &mut chain)),
        "topics" => item.table(|table| {
            table.each(|name, mut item| {
                item.table(|table| {
                    let topic = read_topic(table);
                    chain.topics.insert(name.to_owned(), topic);
                });
            });
        }),
        _ => item.table(|table| {
            table.each(|name, mut item| {
                item.table(|table| chain.stages.push(read_stage(name, table)));
            });
        }),
    });
    if chain.name.is_empty() {
        reader.problems.add(1, "the chain has no name; write [chain] with name = \"…\"".into());
    }
    Ok((chain, reader.problems, reader.places))
}

fn read_chain(table: Table<'_, '_>, chain: &mut Chain) {
    table.known(&["name", "brokers", "compression"], |key, mut item| match key {
        "name" => item.text(|text| chain.name = text.to_owned()),
        "brokers" => item.text(|text| chain.brokers = Some(text.to_owned())),
        _ => item.one_of(&["none", "gzip", "snappy", "lz4", "zstd"], |text| {
            chain.compression = text.to_owned();
        }),
    });
}

fn read_topic(table: Table<'_, '_>) -> Topic {
    let mut topic =
        Topic { partitions: 0, replication: None, source: false, config: BTreeMap::new() };
    let (path, line) = (table.path.clone(), table.line);
    let reader = table.known(
        &["partitions", "replication", "source", "config"],
        |key, mut item| match key {
            "partitions" => item.number(1..=10_000, |number| topic.partitions = number as i32),
            "replication" => {
                item.number(1..=1_000, |number| topic.replication = Some(number as i32))
            }
            "source" => item.flag(|flag| topic.source = flag),
            _ => item.table(|table| {
                table.each(|name, mut item| {
                    item.text(|text| {
                        topic.config.insert(name.to_owned(), text.to_owned());
                    });
                });
            }),
        },
    );
    if topic.partitions == 0 && !reader.places.contains_key(&format!("{path}.partitions")) {
        reader
            .problems
            .add(line, format!("{path} has no partitions; write for example partitions = 4"));
    }
    topic
}

fn read_stage(name: &str, table: Table<'_, '_>) -> StageRoute {
    let defaults = Settings::default();
    let mut stage = StageRoute {
        name: name.to_owned(),
        input: String::new(),
        output: None,
        outputs: Vec::new(),
        delivery: Delivery::ExactlyOnce,
        retry: Retry::default(),
        key_required: false,
        repartition: false,
        max_in_flight: defaults.max_in_flight,
        timeout: defaults.timeout,
        group: None,
        sink: false,
        external: false,
    };
    let keys = [
        "input",
        "output",
        "outputs",
        "delivery",
        "retry",
        "key",
        "repartition",
        "max_in_flight",
        "timeout",
        "group",
        "sink",
        "external",
    ];
    let (path, line) = (table.path.clone(), table.line);
    let reader = table.known(&keys, |key, mut item| match key {
        "input" => item.text(|text| stage.input = text.to_owned()),
        "output" => item.text(|text| stage.output = Some(text.to_owned())),
        "outputs" => item.table(|table| {
            table.each(|name, mut item| {
                item.text(|text| stage.outputs.push((name.to_owned(), text.to_owned())));
            });
        }),
        "delivery" => item.one_of(&["exactly-once", "at-least-once"], |text| {
            if text == "at-least-once" {
                stage.delivery = Delivery::AtLeastOnce;
            }
        }),
        "retry" => item.table(|table| stage.retry = read_retry(table)),
        "key" => item.one_of(&["any", "required"], |text| stage.key_required = text == "required"),
        "repartition" => item.flag(|flag| stage.repartition = flag),
        "max_in_flight" => item.number(1..=10_000, |number| stage.max_in_flight = number as usize),
        "timeout" => item.duration(|duration| stage.timeout = duration),
        "group" => item.text(|text| stage.group = Some(text.to_owned())),
        "sink" => item.flag(|flag| stage.sink = flag),
        _ => item.flag(|flag| stage.external = flag),
    });
    if stage.input.is_empty() {
        reader.problems.add(line, format!("{path} has no input; write input = \"TOPIC\""));
    }
    stage
}

fn read_retry(table: Table<'_, '_>) -> Retry {
    let mut retry = Retry::default();
    table.known(&["policy", "attempts", "backoff", "exhausted"], |key, mut item| match key {
        "policy" => {
            let known = ["in-place", "dead-letter", "stop", "ordered", "retry-topic"];
            let mut later = false;
            item.one_of(&known, |text| match text {
                "in-place" => retry.policy = Policy::InPlace,
                "dead-letter" => retry.policy = Policy::DeadLetter,
                "stop" => retry.policy = Policy::Stop,
                _ => later = true,
            });
            if later {
                item.problem("is not built yet; use in-place, dead-letter or stop");
            }
        }
        "attempts" => item.number(1..=1_000_000, |number| retry.attempts = number as u32),
        "backoff" => item.range(|first, longest| {
            retry.first = first;
            retry.longest = longest;
        }),
        _ => {
            let mut hold = false;
            item.one_of(&["dead-letter", "stop", "hold"], |text| {
                hold = text == "hold";
                if text == "stop" {
                    retry.exhausted = Exhausted::Stop;
                }
            });
            if hold {
                item.problem("is not built yet; use dead-letter or stop");
            }
        }
    });
    retry
}
