//! The route map: every problem at once, each with its line and what was meant.

use stage_sdk::chain::Chain;

const GOOD: &str = include_str!("../../topics.toml");

fn problems(text: &str) -> Vec<String> {
    match Chain::parse(text, "topics.toml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn our_own_route_map_is_in_order() {
    let chain = Chain::parse(GOOD, "topics.toml").unwrap();
    assert_eq!(chain.name, "pizza");
    let names: Vec<&str> = chain.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["sauce", "cheese", "meat", "veggie", "view"], "in the file's order");
    assert_eq!(chain.service("sauce").unwrap().group, "pizza.sauce");
    assert_eq!(chain.service("view").unwrap().group, "pizza_shop");
    let all = chain.all_topics();
    let letters = &all["pizza-with-sauce.cheese.dlq"];
    assert_eq!(letters.partitions, 4);
    assert_eq!(letters.config["message.timestamp.type"], "LogAppendTime");
}

#[test]
fn every_problem_is_found_at_once_with_line_and_hint() {
    let text = r#"[chain]
name = "x"
compresion = "lz4"
[topics.a]
partitions = 4
source = true
[topics.b]
partitions = 2
[topics."bad name"]
partitions = 0
[stages.one]
inptu = "a"
input = "a"
output = "b"
retry = { policy = "retry-tpoic", attempts = "many", backoff = "30s..1s" }
[stages.two]
input = "bb"
delivery = "twice"
"#;
    let found = problems(text);
    let expected = [
        (3, "is unknown; did you mean \"compression\"?"),
        (9, "letters, digits"),
        (10, "from 1 to 10000"),
        (12, "is unknown; did you mean \"input\"?"),
        (14, "has 2 partitions and its input 4"),
        (15, "did you mean \"retry-topic\"?"),
        (15, "give a whole number"),
        (15, "begins above its end"),
        (17, "\"bb\" is not declared; did you mean"),
        (18, "known are exactly-once, at-least-once"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (line, text) in expected {
        let hit = found.iter().any(|problem| {
            problem.starts_with(&format!("topics.toml:{line}: ")) && problem.contains(text)
        });
        assert!(hit, "line {line}, {text:?} is not in {found:#?}");
    }
}

#[test]
fn an_input_nobody_writes_and_a_cycle_are_problems() {
    let stage = |name: &str, input: &str, output: &str| {
        format!("[stages.{name}]\ninput = \"{input}\"\noutput = \"{output}\"\n")
    };
    let topics = "[chain]\nname = \"x\"\n[topics.a]\npartitions = 1\n[topics.b]\npartitions = 1\n";
    let unwritten = problems(&format!("{topics}{}", stage("s", "a", "b")));
    assert_eq!(unwritten.len(), 1, "{unwritten:?}");
    assert!(unwritten[0].contains("no stage writes this topic"), "{unwritten:?}");
    let cycle = problems(&format!("{topics}{}{}", stage("s", "a", "b"), stage("t", "b", "a")));
    assert!(
        cycle.iter().all(|problem| problem.contains("a cycle")) && !cycle.is_empty(),
        "{cycle:?}"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let found = problems("[chain]\nname = \n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("topics.toml:2: "), "{found:?}");
    let missing = Chain::read("/nowhere/topics.toml".as_ref()).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/topics.toml") && missing.contains("--config"), "{missing}");
}

#[test]
fn a_stage_that_is_not_there_is_told_with_the_nearest() {
    let chain = Chain::parse(GOOD, "topics.toml").unwrap();
    let error = chain.service("chese").unwrap_err().to_string();
    assert!(error.contains("did you mean \"cheese\""), "{error}");
}
