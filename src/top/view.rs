//! What is on the screen.

use console::style;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Orders at the end.
const ORDERS: usize = 8;

/// The chain, as `/chain` tells it: topics in the order in which records come to them.
#[derive(Deserialize)]
pub(super) struct Map {
    name: String,
    topics: Vec<Named>,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Stage {
    name: String,
    input: String,
    sink: bool,
    external: bool,
    plug_in: bool,
}

/// How it is, as `/events` tells it.
#[derive(Deserialize)]
pub(super) struct Snapshot {
    trouble: Option<String>,
    stages: Vec<StageNow>,
    topics: Vec<TopicNow>,
    orders: Vec<Walk>,
}

impl Snapshot {
    /// Whether all that can be known of the stages is there.
    pub(super) fn is_known(&self) -> bool {
        let is_known = |stage: &StageNow| stage.lag.is_some() && stage.instances.is_some();
        self.trouble.is_some() || self.stages.iter().all(is_known)
    }
}

#[derive(Deserialize)]
struct StageNow {
    name: String,
    lag: Option<i64>,
    instances: Option<usize>,
    circuit_open: Option<bool>,
    paused: Option<bool>,
}

#[derive(Deserialize)]
struct TopicNow {
    name: String,
    records_per_second: f64,
    age_ms: Option<Age>,
}

#[derive(Deserialize)]
struct Age {
    p50: u32,
    p99: u32,
}

#[derive(Deserialize)]
struct Walk {
    id: String,
    count: i64,
    complete: bool,
    reached: BTreeMap<String, i64>,
}

/// All of it, line by line.
pub(super) fn lines(map: &Map, now: &Snapshot) -> Vec<String> {
    let names = map.topics.iter().map(|topic| topic.name.len());
    let stages = map.stages.iter().map(|stage| stage.name.len() + label(stage).len() + 2);
    let wide = names.chain(stages).max().unwrap_or(0).max(map.name.len());
    let head = format!(
        "{:wide$}  {:>10}  {:>9}  {:>9}  {:>9}  {:>9}",
        map.name, "records/s", "p50", "p99", "lag", "instances"
    );
    let mut lines = vec![style(head).bold().to_string()];
    for topic in &map.topics {
        let found = now.topics.iter().find(|one| one.name == topic.name);
        lines.push(topic_line(&topic.name, found, wide));
        for stage in map.stages.iter().filter(|stage| stage.input == topic.name) {
            let found = now.stages.iter().find(|one| one.name == stage.name);
            lines.push(stage_line(stage, found, wide));
        }
    }
    if let Some(trouble) = &now.trouble {
        lines.push(style(trouble).red().to_string());
    }
    let last = map.stages.iter().find(|stage| stage.sink).map(|stage| stage.input.as_str());
    for order in now.orders.iter().take(ORDERS) {
        let done = last.and_then(|topic| order.reached.get(topic)).copied().unwrap_or(0);
        let state = match order.complete {
            true => style("complete".to_owned()).green().to_string(),
            false => format!("{done} of {}", order.count),
        };
        lines.push(format!("order {}: {} pizzas, {state}", order.id, order.count));
    }
    lines
}

fn topic_line(name: &str, now: Option<&TopicNow>, wide: usize) -> String {
    let rate = now.map_or("?".to_owned(), |now| format!("{:.1}", now.records_per_second));
    let age = now.and_then(|now| now.age_ms.as_ref());
    let age = |of: fn(&Age) -> u32| age.map_or(String::new(), |age| format!("{} ms", of(age)));
    format!("{name:wide$}  {rate:>10}  {:>9}  {:>9}", age(|age| age.p50), age(|age| age.p99))
}

fn stage_line(stage: &Stage, now: Option<&StageNow>, wide: usize) -> String {
    let known = |number: Option<i64>| number.map_or("?".to_owned(), |number| number.to_string());
    let lag = now.and_then(|now| now.lag);
    let instances = now.and_then(|now| now.instances).map(|count| count as i64);
    let name = format!("  {}{}", stage.name, label(stage));
    let line = format!("{name:wide$}  {:34}  {:>9}  {:>9}", "", known(lag), known(instances));
    let is = |fact: fn(&StageNow) -> Option<bool>| now.and_then(fact) == Some(true);
    match instances {
        Some(0) => style(line).red().to_string(),
        _ if is(|now| now.circuit_open) => style(line + "  circuit open").red().to_string(),
        _ if is(|now| now.paused) => style(line + "  paused").yellow().to_string(),
        _ => line,
    }
}

/// What is said of it besides its name.
fn label(stage: &Stage) -> &'static str {
    match (stage.external, stage.plug_in, stage.sink) {
        (true, _, _) => " (external)",
        (_, true, _) => " (plug-in)",
        (_, _, true) => " (sink)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::strip_ansi_codes;

    #[test]
    fn topics_stand_above_the_stages_that_read_them() {
        let map = r#"{"name":"shop","topics":[{"name":"raw"},{"name":"done"}],"stages":[
            {"name":"end","input":"done","sink":true,"external":false,"plug_in":false},
            {"name":"begin","input":"raw","sink":false,"external":false,"plug_in":true}]}"#;
        let now = r#"{"at":1,"trouble":"no broker answers","stages":[{"name":"begin","lag":7,"instances":0},
            {"name":"end","lag":null,"instances":null}],"topics":[
            {"name":"raw","records_per_second":12.25,"age_ms":{"p50":3,"p99":40}},
            {"name":"done","records_per_second":0.0,"age_ms":null}],
            "orders":[{"id":"o1","count":5,"complete":false,"reached":{"raw":5,"done":2}},
            {"id":"o0","count":3,"complete":true,"reached":{}}]}"#;
        let known = |text: &str| serde_json::from_str::<Snapshot>(text).unwrap().is_known();
        assert!(known(now) && !known(&now.replace("\"no broker answers\"", "null")));
        let (map, now) = (serde_json::from_str(map).unwrap(), serde_json::from_str(now).unwrap());
        let lines = lines(&map, &now);
        let words =
            |line: &String| strip_ansi_codes(line).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            lines.iter().map(words).collect::<Vec<_>>(),
            [
                "shop records/s p50 p99 lag instances",
                "raw 12.2 3 ms 40 ms",
                "begin (plug-in) 7 0",
                "done 0.0",
                "end (sink) ? ?",
                "no broker answers",
                "order o1: 5 pizzas, 2 of 5",
                "order o0: 3 pizzas, complete",
            ]
        );
    }
}
