//! A stage's table.

use super::StageRoute;
use super::retry::RetryRoute;
use super::table::Table;
use crate::core::{Exhausted, Policy, Settings};
use crate::dead_letter::Dialect;
use crate::program::Format;
use crate::service::Delivery;

pub(super) fn read_stage(name: &str, table: Table<'_, '_>) -> StageRoute {
    let defaults = Settings::default();
    let mut stage = StageRoute {
        name: name.to_owned(),
        input: String::new(),
        output: None,
        outputs: Vec::new(),
        delivery: Delivery::ExactlyOnce,
        retry: RetryRoute::usual(),
        key_required: false,
        repartition: false,
        max_in_flight: defaults.max_in_flight,
        timeout: defaults.timeout,
        dialects: Vec::new(),
        group: None,
        sink: false,
        external: false,
        command: Vec::new(),
        service: Vec::new(),
        format: Format::default(),
    };
    let mut has_format = false;
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
        "dialects",
        "group",
        "sink",
        "external",
        "command",
        "service",
        "format",
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
        "retry" => item.table(|table| stage.retry = RetryRoute::read(table)),
        "key" => item.one_of(&["any", "required"], |text| stage.key_required = text == "required"),
        "repartition" => item.flag(|flag| stage.repartition = flag),
        "max_in_flight" => item.number(1..=10_000, |number| stage.max_in_flight = number as usize),
        "timeout" => item.duration(|duration| stage.timeout = duration),
        "dialects" => {
            let known = Dialect::ALL.map(Dialect::name);
            item.some_of(&known, |name| stage.dialects.extend(Dialect::named(name)));
        }
        "group" => item.text(|text| stage.group = Some(text.to_owned())),
        "sink" => item.flag(|flag| stage.sink = flag),
        "command" => item.texts(|text| stage.command.push(text.to_owned())),
        "service" => item.texts(|text| stage.service.push(text.to_owned())),
        "format" => item.one_of(&Format::ALL.map(|(name, _)| name), |text| {
            has_format = true;
            let named = Format::ALL.into_iter().find(|(name, _)| *name == text);
            stage.format = named.map_or_else(Format::default, |(_, format)| format);
        }),
        _ => item.flag(|flag| stage.external = flag),
    });
    let retry = stage.policy();
    if stage.sink && retry.policy.parks() {
        let text = "has sink = true: a database takes no part in Kafka's transactions, so its records cannot be parked; use policy in-place, dead-letter or stop";
        reader.problems.add(line, format!("{path} {text}"));
    }
    if stage.delivery == Delivery::AtLeastOnce && retry.policy.parks() {
        let text = "delivers at least once: without a transaction a crash could free a key whose output is lost, or block one whose record is; use delivery = \"exactly-once\", or policy in-place, dead-letter or stop";
        reader.problems.add(line, format!("{path} {text}"));
    }
    if stage.key_required && retry.policy == Policy::RetryTopic {
        let text = "has key = \"required\", so the order of a key matters, and policy \"retry-topic\" gives it up; use policy \"ordered\"";
        reader.problems.add(line, format!("{path} {text}"));
    }
    if retry.exhausted == Exhausted::Hold && !retry.policy.parks() {
        let text = "holds what cannot be done, and its policy parks nothing: exhausted = \"hold\" is of policies \"ordered\" and \"retry-topic\"; use dead-letter or stop";
        reader.problems.add(line, format!("{path} {text}"));
    }
    for (key, program) in [("command", &stage.command), ("service", &stage.service)] {
        if !program.is_empty() && (stage.external || stage.sink) {
            let other = if stage.external { "external" } else { "sink" };
            let text = format!(
                "has a {key}, which we run and which has no database, and {other} = true; leave one of them out"
            );
            reader.problems.add(line, format!("{path} {text}"));
        }
    }
    if !stage.command.is_empty() && !stage.service.is_empty() {
        let text = "has a command, which answers line by line, and a service, which is on Kafka itself; leave one of them out";
        reader.problems.add(line, format!("{path} {text}"));
    }
    if stage.command.is_empty() && has_format {
        let text = "has a format, which is what values are to a program, and no command; leave it out, or write command = [\"PROGRAM\"]";
        reader.problems.add(line, format!("{path} {text}"));
    }
    if stage.input.is_empty() {
        reader.problems.add(line, format!("{path} has no input; write input = \"TOPIC\""));
    }
    stage
}
