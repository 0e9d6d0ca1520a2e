//! TOML to a chain: every key is known or a problem, every value has its type or is a problem.

use super::problem::Problems;
use super::route::read_stage;
use super::table::{Reader, Table};
use super::{Chain, Topic, syntax};
use std::collections::BTreeMap;

/// The line of each table and key, by its dotted path.
pub(super) type Places = BTreeMap<String, usize>;

/// Reads what there is; problems do not end the reading.
pub(super) fn read(text: &str, file: &str) -> Result<(Chain, Problems, Places), Problems> {
    let mut problems = Problems::none(file);
    let Some(root) = syntax::tree(text, &mut problems) else { return Err(problems) };
    let mut reader = Reader { text, problems, places: Places::new() };
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
                    item.setting(name, &mut |name, value| {
                        topic.config.insert(name.to_owned(), value);
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
