//! TOML to a chain: every key is known or a problem, every value has its type or is a problem.

use super::problem::{Problems, nearest};
use super::{Chain, StageRoute, Topic};
use crate::core::{Exhausted, Policy, Retry, Settings};
use crate::service::Delivery;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

struct Reader<'t> {
    text: &'t str,
    problems: Problems,
    places: Places,
}

struct Table<'r, 't> {
    reader: &'r mut Reader<'t>,
    path: String,
    line: usize,
    table: &'r DeTable<'t>,
}

struct Item<'r, 't> {
    reader: &'r mut Reader<'t>,
    path: String,
    line: usize,
    value: &'r Spanned<DeValue<'t>>,
}

impl<'r, 't> Table<'r, 't> {
    /// Visits the entries in the file's order.
    fn each(self, mut visit: impl FnMut(&str, Item<'_, 't>)) -> &'r mut Reader<'t> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            let path = if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            };
            let line = line_of(self.reader.text, key.span().start);
            self.reader.places.insert(path.clone(), line);
            visit(name, Item { reader: self.reader, path, line, value });
        }
        self.reader
    }

    /// As `each`; a name that is not among the known ones is a problem.
    fn known(
        self,
        known: &[&str],
        mut visit: impl FnMut(&str, Item<'_, 't>),
    ) -> &'r mut Reader<'t> {
        self.each(|name, mut item| {
            if known.contains(&name) {
                return visit(name, item);
            }
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("known are {}", known.join(", ")),
            };
            item.problem(&format!("is unknown; {hint}"));
        })
    }
}

impl<'t> Item<'_, 't> {
    fn problem(&mut self, text: &str) {
        let said = match self.value.get_ref().as_str() {
            Some(value) => format!("{} = {value:?} {text}", self.path),
            None => format!("{} {text}", self.path),
        };
        self.reader.problems.add(self.line, said);
    }

    fn wrong(&mut self, wanted: &str) {
        let found = self.value.get_ref().type_str();
        self.reader
            .problems
            .add(self.line, format!("{} is of type {found}; give {wanted}", self.path));
    }

    fn table(&mut self, read: impl FnOnce(Table<'_, 't>)) {
        let value = self.value;
        match value.get_ref().as_table() {
            Some(table) => read(Table {
                reader: &mut *self.reader,
                path: self.path.clone(),
                line: self.line,
                table,
            }),
            None => self.wrong("a table"),
        }
    }

    fn text(&mut self, set: impl FnOnce(&str)) {
        match self.value.get_ref().as_str() {
            Some("") => self.problem("is empty; give a text"),
            Some(text) => set(text),
            None => self.wrong("a text in quotes"),
        }
    }

    fn one_of(&mut self, known: &[&str], set: impl FnOnce(&str)) {
        match self.value.get_ref().as_str() {
            Some(text) if known.contains(&text) => set(text),
            Some(_) => self.problem(&format!("is unknown; known are {}", known.join(", "))),
            None => self.wrong(&format!("one of {}", known.join(", "))),
        }
    }

    fn flag(&mut self, set: impl FnOnce(bool)) {
        match self.value.get_ref().as_bool() {
            Some(flag) => set(flag),
            None => self.wrong("true or false"),
        }
    }

    fn number(&mut self, range: std::ops::RangeInclusive<i64>, set: impl FnOnce(i64)) {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(number) = self.value.get_ref().as_integer() else { return self.wrong(&wanted) };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if range.contains(&number) => set(number),
            _ => {
                let text = format!("{} = {number}: give {wanted}", self.path);
                self.reader.problems.add(self.line, text);
            }
        }
    }

    fn duration(&mut self, set: impl FnOnce(Duration)) {
        match self.value.get_ref().as_str().map(time) {
            Some(Some(duration)) if !duration.is_zero() => set(duration),
            _ => self.wrong("a time such as \"500ms\", \"30s\" or \"2m\""),
        }
    }

    fn range(&mut self, set: impl FnOnce(Duration, Duration)) {
        let text = self.value.get_ref().as_str();
        let ends = text.and_then(|text| text.split_once(".."));
        match ends.map(|(first, longest)| (time(first), time(longest))) {
            Some((Some(first), Some(longest))) if first > longest => {
                self.problem("begins above its end");
            }
            Some((Some(first), Some(longest))) => set(first, longest),
            _ => self.wrong("a range of times such as \"200ms..30s\""),
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    super::duration(text).ok()
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
