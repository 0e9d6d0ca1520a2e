//! The route map's rules, one by one; and one mistake is told once, not as its consequences too.

use stage_sdk::Delivery;
use stage_sdk::chain::Chain;
use stage_sdk::core::{Exhausted, Policy};

/// Two stages in a row, in order: `a` to `b` to `c`.
const GOOD: &str = r#"[chain]
name = "x"
[topics.a]
partitions = 4
source = true
[topics.b-topic]
partitions = 4
[topics.c]
partitions = 4
[stages.one]
input = "a"
output = "b-topic"
[stages.two]
input = "b-topic"
output = "c"
"#;

/// What is found after a change to the good map.
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from:?}");
    problems(&GOOD.replacen(from, to, 1))
}

/// The good map with more at its end.
fn with(more: &str) -> Vec<String> {
    problems(&format!("{GOOD}{more}"))
}

fn problems(text: &str) -> Vec<String> {
    match Chain::parse(text, "topics.toml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

/// Exactly one problem, at this line, that says all of this.
#[track_caller]
fn only(found: &[String], line: usize, says: &[&str]) {
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("topics.toml:{line}: ")), "line {line}: {found:#?}");
    for text in says {
        assert!(found[0].contains(text), "{text:?} is not in {found:#?}");
    }
}

#[test]
fn the_good_map_is_in_order() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
}

#[test]
fn a_misspelt_key_is_told_once_and_not_as_missing_too() {
    let found = after("input = \"a\"", "inptu = \"a\"");
    only(&found, 11, &["stages.one.inptu", "did you mean \"input\"?"]);
    let found = after("partitions = 4", "partition = 4");
    only(&found, 4, &["topics.a.partition", "did you mean \"partitions\"?"]);
}

#[test]
fn a_misspelt_topic_is_told_once_and_its_reader_not_blamed() {
    let found = after("output = \"b-topic\"", "output = \"b-tpoic\"");
    only(&found, 12, &["stages.one.output", "did you mean \"b-topic\"?"]);
}

#[test]
fn every_syntax_error_is_found_and_none_invented() {
    let text = GOOD.replace("input = \"a\"", "input = a").replace("name = \"x\"", "name = 'x");
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("topics.toml:2: "), "{found:#?}");
    assert!(found[1].starts_with("topics.toml:11: "), "{found:#?}");
}

#[test]
fn a_word_without_quotes_hides_no_other_problem() {
    let found = problems(&GOOD.replace("input = \"a\"", "input = a").replace("\"c\"", "\"d\""));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains(":11: ") && found[0].contains("without quotes"), "{found:#?}");
    assert!(found[1].contains(":15: ") && found[1].contains("not declared"), "{found:#?}");
}

#[test]
fn two_stages_of_one_name_are_told_so() {
    let found = after("[stages.two]", "[stages.one]");
    only(&found, 13, &["one", "name"]);
}

#[test]
fn two_stages_in_one_group_would_disturb_each_other() {
    let found = with("group = \"x.one\"\n");
    only(&found, 16, &["stages.two.group", "x.one", "one"]);
}

#[test]
fn a_cycle_is_told_once_with_its_road() {
    let found = after("output = \"c\"", "output = \"a\"");
    only(&found, 15, &["stages.two.output", "cycle", "a -> b-topic -> a"]);
}

#[test]
fn a_cycle_through_a_named_output_is_told_at_its_line() {
    let found = with("[stages.two.outputs]\nback = \"a\"\n");
    only(&found, 17, &["stages.two.outputs.back", "cycle"]);
}

#[test]
fn topics_that_differ_in_a_dot_only_are_one_to_kafka() {
    let found = with("[topics.b_topic]\npartitions = 1\n[topics.\"b.topic\"]\npartitions = 1\n");
    only(&found, 18, &["b_topic", "b.topic"]);
}

#[test]
fn names_that_topics_and_groups_are_made_of_are_legal_ones() {
    only(&after("[stages.two]", "[stages.\"tw o\"]"), 13, &["tw o", "letters, digits"]);
    only(&after("name = \"x\"", "name = \"x y\""), 2, &["x y", "letters, digits"]);
    let long = "t".repeat(250);
    only(&with(&format!("[topics.{long}]\npartitions = 1\n")), 16, &["249"]);
    let long = "s".repeat(245);
    only(&after("[stages.two]", &format!("[stages.{long}]")), 13, &["249", "dlq"]);
}

#[test]
fn a_bad_time_is_told_with_its_value() {
    only(&with("timeout = \"30 sec\"\n"), 16, &["\"30 sec\"", "30s"]);
    only(&with("timeout = \"0s\"\n"), 16, &["\"0s\""]);
    only(&with("retry = { backoff = \"1s-2s\" }\n"), 16, &["\"1s-2s\"", "200ms..30s"]);
}

#[test]
fn a_word_nearly_right_is_told_which_was_meant() {
    let found = with("delivery = \"exactly_once\"\n");
    only(&found, 16, &["exactly_once", "did you mean \"exactly-once\"?"]);
}

#[test]
fn broker_addresses_are_checked_without_asking_them() {
    let found = after("name = \"x\"", "name = \"x\"\nbrokers = \"localhost\"");
    only(&found, 3, &["chain.brokers", "localhost", "HOST:PORT"]);
}

#[test]
fn settings_of_a_topic_may_be_written_as_toml_likes() {
    let settings = "[topics.c.config]\nretention.ms = 1000\n\"cleanup.policy\" = \"delete\"\npreallocate = true\nmin.cleanable.dirty.ratio = 0.5\n";
    let chain = Chain::parse(&format!("{GOOD}{settings}"), "topics.toml").unwrap();
    let config: Vec<_> =
        chain.topics["c"].config.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [
        ("cleanup.policy", "delete"),
        ("min.cleanable.dirty.ratio", "0.5"),
        ("preallocate", "true"),
        ("retention.ms", "1000"),
    ];
    assert_eq!(config, expected);
}

#[test]
fn a_topic_setting_nearly_right_is_told_which_was_meant() {
    let found = with("[topics.c.config]\n\"retention.sm\" = \"1000\"\n");
    only(&found, 17, &["retention.sm", "did you mean \"retention.ms\"?"]);
    // Brokers have settings of their own makers' too; what is near to none is left to the broker.
    assert_eq!(with("[topics.c.config]\n\"acme.tier.enable\" = true\n"), Vec::<String>::new());
    let found = with("[topics.c.config]\n\"max.message.bytes\" = \"1 MB\"\n");
    only(&found, 17, &["max.message.bytes", "1 MB", "number"]);
}

#[test]
fn a_dead_letter_topic_can_be_declared_to_say_more_about_it() {
    let declared = "[topics.\"a.one.dlq\"]\npartitions = 1\nconfig = { \"retention.ms\" = \"1000\" }\n[stages.mend]\ninput = \"a.one.dlq\"\n";
    let chain = Chain::parse(&format!("{GOOD}{declared}"), "topics.toml").unwrap();
    let all = chain.all_topics();
    let letters = &all["a.one.dlq"];
    assert_eq!(letters.partitions, 1);
    assert_eq!(letters.config["retention.ms"], "1000");
    assert_eq!(letters.config["message.timestamp.type"], "LogAppendTime");
}

#[test]
fn dead_letters_have_room_for_what_their_input_takes() {
    let big = "[topics.c.config]\n\"max.message.bytes\" = 5000000\n[stages.three]\ninput = \"c\"\n";
    let chain = Chain::parse(&format!("{GOOD}{big}"), "topics.toml").unwrap();
    let limit = |topic: &str| chain.all_topics()[topic].config["max.message.bytes"].clone();
    assert_eq!(limit("c.three.dlq"), "5065536");
    assert_eq!(limit("a.one.dlq"), "1114124");
}

#[test]
fn a_program_of_somebody_elses_has_its_dead_letters_too() {
    let chain = Chain::parse(&format!("{GOOD}external = true\n"), "topics.toml").unwrap();
    assert!(chain.all_topics().contains_key("b-topic.two.dlq"));
}

#[test]
fn what_is_held_needs_a_lane() {
    let held = "retry = { exhausted = \"hold\", policy = \"in-place\" }";
    let found = after("output = \"c\"", &format!("output = \"c\"\n{held}"));
    only(&found, 13, &["stages.two", "parks nothing", "\"retry-topic\"", "dead-letter or stop"]);
    let ordered = "output = \"c\"\nretry = { policy = \"ordered\", exhausted = \"hold\" }";
    assert_eq!(after("output = \"c\"", ordered), Vec::<String>::new());
}

#[test]
fn who_says_nothing_keeps_order_while_retrying_where_that_is_possible() {
    let policy = |more: &str| {
        let chain = Chain::parse(&format!("{GOOD}{more}"), "topics.toml").unwrap();
        let retry = chain.service("two").unwrap().settings.retry;
        assert_eq!(
            retry.policy.parks(),
            chain.all_topics().contains_key("b-topic.two.redirect"),
            "{more}"
        );
        (retry.policy, retry.exhausted)
    };
    let (ordered, in_place) =
        ((Policy::Ordered, Exhausted::Hold), (Policy::InPlace, Exhausted::DeadLetter));
    assert_eq!(policy(""), ordered);
    assert_eq!(policy("retry = { attempts = 3 }\n"), ordered);
    assert_eq!(policy("retry = { exhausted = \"stop\" }\n"), (Policy::Ordered, Exhausted::Stop));
    assert_eq!(policy("delivery = \"at-least-once\"\n"), in_place);
    let chain = format!("{GOOD}delivery = \"at-least-once\"\n");
    let chain = Chain::parse(&chain, "topics.toml").unwrap();
    let retry = chain.stage("two").unwrap().policy_with(Delivery::ExactlyOnce);
    assert_eq!((retry.policy, retry.exhausted), in_place, "nobody made topics for it");
    let sink = GOOD.replacen("output = \"c\"\n", "sink = true\n", 1);
    let sink = sink.replacen("[topics.c]\npartitions = 4\n", "", 1);
    let retry = Chain::parse(&sink, "topics.toml").unwrap().service("two").unwrap().settings.retry;
    assert_eq!((retry.policy, retry.exhausted), in_place);
}

#[test]
fn a_sink_parks_nothing() {
    let found = after("output = \"c\"", "sink = true\nretry = { policy = \"ordered\" }");
    only(&found, 13, &["stages.two", "sink = true", "in-place"]);
}

#[test]
fn what_delivers_at_least_once_parks_nothing() {
    let found = after(
        "output = \"c\"",
        "output = \"c\"\ndelivery = \"at-least-once\"\nretry = { policy = \"ordered\" }",
    );
    only(&found, 13, &["stages.two", "at least once", "exactly-once", "in-place"]);
}

#[test]
fn who_needs_keys_does_not_give_their_order_up() {
    let unordered = "output = \"c\"\nretry = { policy = \"retry-topic\", exhausted = \"hold\" }";
    assert_eq!(after("output = \"c\"", unordered), Vec::<String>::new());
    let found = after("output = \"c\"", &format!("{unordered}\nkey = \"required\""));
    only(&found, 13, &["stages.two", "key = \"required\"", "order", "policy \"ordered\""]);
}

#[test]
fn a_stage_that_parks_has_topics_for_it() {
    let text =
        GOOD.replacen("output = \"c\"", "output = \"c\"\nretry = { policy = \"ordered\" }", 1);
    let text = text.replacen("\"b-topic\"", "\"b-topic\"\nretry = { policy = \"in-place\" }", 1);
    let unordered = text.replace("\"ordered\"", "\"retry-topic\"");
    let unordered = Chain::parse(&unordered, "topics.toml").unwrap();
    let chain = Chain::parse(&text, "topics.toml").unwrap();
    let all = chain.all_topics();
    assert_eq!(all.len(), unordered.all_topics().len(), "without order it is the same topics");
    let setting = |topic: &str, name: &str| all[topic].config.get(name).map(String::as_str);
    assert_eq!(setting("b-topic.two.retry", "retention.ms"), Some("-1"));
    assert_eq!(setting("b-topic.two.redirect", "cleanup.policy"), Some("compact"));
    assert_eq!(all["b-topic.two.redirect"].partitions, 4);
    assert!(!all.contains_key("a.one.retry"), "the other stage parks nothing");
}

#[test]
fn dialects_are_known_names_each_once() {
    let dialects = |list: &str| with(&format!("dialects = {list}\n"));
    assert_eq!(dialects(r#"["connect", "streams", "spring", "scs"]"#), Vec::<String>::new());
    only(&dialects(r#"["sprung"]"#), 16, &["stages.two.dialects", "did you mean \"spring\"?"]);
    only(&dialects(r#"["scs", "scs"]"#), 16, &["stages.two.dialects", "twice"]);
    only(&dialects(r#""spring""#), 16, &["stages.two.dialects", "a list such as [\"connect\"]"]);
    only(&dialects("[7]"), 16, &["stages.two.dialects", "one of connect, streams"]);
    let map = format!("{GOOD}dialects = [\"spring\", \"connect\"]\n");
    let service = Chain::parse(&map, "topics.toml").unwrap().service("two").unwrap();
    let names: Vec<_> = service.dialects.iter().map(|dialect| dialect.name()).collect();
    assert_eq!(names, ["connect", "spring"]);
}
