//! What an operator gets wrong ends with exit code 2, and a text that names the thing, its value
//! and the next step; what may mend by itself is waited for, a while, and then it is 1.

use crate::rig::broker::{self, Own};
use crate::rig::chain::Chain;
use crate::rig::process::program;
use crate::shop::{Shop, free_port};
use std::collections::HashSet;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The shop's own route map; tests run in the workspace's root.
const SHOP: &str = "topics.toml";

/// Runs a program to its end; gives its exit code and what it said.
fn said(name: &str, args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    // What is not refused would run for ever.
    let mut command = Command::new("timeout");
    command.arg("60").arg(program(name));
    // Nothing of ours may help it.
    let ours = ["STAGE_BROKERS", "STAGE_CONFIG", "STAGE_X", "DATABASE_URL", "PORT"];
    for variable in ours {
        command.env_remove(variable);
    }
    let output = command.args(args).envs(env.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// It ends with 2 and says all of this.
fn refused(name: &str, args: &[&str], says: &[&str]) {
    let (code, text) = said(name, args, &[]);
    assert_eq!(code, Some(2), "{name} {args:?}: {text}");
    for part in says {
        assert!(text.contains(part), "{name} {args:?} does not say {part:?}: {text}");
    }
}

#[test]
fn that_nobody_reads_on_is_no_mistake() {
    let mut command = Command::new(program("pizza"));
    command.args(["topics", "check", "--config", SHOP]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    drop(process.stdout.take());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn addresses_settings_and_directories() {
    let chain = Chain::pizza(&broker::shared());
    let (brokers, dir) = (chain.brokers.as_str(), chain.dir.display().to_string());
    let map = format!("{dir}/topics.toml");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let sauce = |more: &[&str], says: &[&str]| {
        refused("sauce", &[&["--config", &map], more].concat(), says);
    };
    sauce(&[], &["no broker", "--brokers", "STAGE_BROKERS"]);
    sauce(&["--brokers", "nonsense"], &["\"nonsense\"", "HOST:PORT"]);
    sauce(&["--brokers", "localhost:many"], &["\"localhost:many\"", "HOST:PORT"]);
    sauce(&["--brokers", brokers, "-X", "foo"], &["setting 1 of -X", "NAME=VALUE"]);
    sauce(&["--brokers", brokers, "-X", "no.such=1"], &["no.such", "CONFIGURATION.md"]);
    sauce(&["--brokers", brokers, "-X", "isolation.level=read_uncommitted"], &["isolation.level"]);
    sauce(&["--brokers", brokers, "--stage", "sause"], &["\"sause\"", "\"sauce\""]);
    sauce(&["--brokers", brokers, "--workers", "0"], &["--workers", "1..=256"]);
    sauce(&["--brokers", brokers, "--state-dir", "/dev/null/x"], &["/dev/null/x", "--state-dir"]);
    sauce(&["--brokers", brokers, "--output", "nowhere"], &["topic nowhere", "topics apply"]);
    sauce(
        &["--brokers", brokers, "--output", chain.first()],
        &[chain.first(), "endless", "--output"],
    );
    let held = std::fs::read_to_string(&map).unwrap();
    let held =
        held.replace("[stages.sauce]\n", "[stages.sauce]\nretry = { exhausted = \"hold\" }\n");
    std::fs::write(format!("{dir}/held.toml"), held).unwrap();
    let held = ["--config", &format!("{dir}/held.toml"), "--brokers", brokers];
    refused(
        "sauce",
        &[&held[..], &["--delivery", "at-least-once"]].concat(),
        &["parks nothing", "dead-letter"],
    );
    let view = ["--config", SHOP, "--brokers", brokers, "--stage", "view"];
    refused("sauce", &view, &["\"view\"", "sink = true", "sauce, cheese, meat, veggie"]);
    refused("sauce", &["--config", "nowhere.toml"], &["nowhere.toml", "--config"]);

    let api = |more: &[&str], says: &[&str]| {
        let usual = ["--config", SHOP, "--brokers", brokers, "--listen", "127.0.0.1:0"];
        refused("pizza-api", &[&usual, more].concat(), says);
    };
    api(&["--database-url", "nonsense"], &["DATABASE_URL", "sqlite:", "postgres:"]);
    api(&["--database-url", "sqlite:/dev/null/x"], &["/dev/null/x", "writable"]);
    let data = format!("sqlite:{dir}/orders");
    let listen = ["--config", SHOP, "--brokers", brokers, "--listen", &taken];
    refused(
        "pizza-api",
        &[&listen[..], &["--database-url", &data]].concat(),
        &[&taken, "--listen"],
    );
    let up = ["--config", SHOP, "--brokers", brokers, "--data", "/dev/null/x"];
    refused("pizza", &up, &["/dev/null/x", "--data"]);

    refused(
        "stage-broker",
        &["--listen", "127.0.0.1:0", "--data", "/dev/null/x"],
        &["/dev/null/x", "--data"],
    );
    refused("stage-broker", &["--listen", &taken, "--memory"], &[&taken, "--listen"]);
    refused("pizza-api", &["--listen", "localhost"], &["'localhost'", "HOST:PORT"]);
}

#[test]
fn a_host_name_is_an_address_to_listen_on() {
    let (brokers, port) = (broker::shared(), free_port());
    // It goes on to what is wrong after that.
    let listen = format!("localhost:{port}");
    let args = ["--config", SHOP, "--brokers", &brokers, "--listen", &listen];
    refused("pizza-api", &[&args[..], &["--database-url", "nonsense"]].concat(), &["DATABASE_URL"]);
}

#[test]
fn a_database_that_is_away_is_told_without_its_password() {
    let brokers = broker::shared();
    let url = "postgres://cook:hunter2@127.0.0.1:1/shop";
    let args = ["--config", SHOP, "--brokers", &brokers, "--listen", "127.0.0.1:0"];
    let (code, text) = said("pizza-api", &args, &[("DATABASE_URL", url)]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("127.0.0.1:1/shop") && text.contains("DATABASE_URL"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn route_maps_and_the_topics_of_the_broker() {
    let chain = Chain::pizza(&broker::shared());
    let map = std::fs::read_to_string(chain.dir.join("topics.toml")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(map.contains(from), "{from:?} is not in {map}");
        let path = chain.dir.join("wrong.toml");
        std::fs::write(&path, map.replacen(from, to, 1)).unwrap();
        path.display().to_string()
    };
    let misspelt = with("partitions = 4", "partition = 4");
    refused("pizza", &["topics", "check", "--config", &misspelt], &["partition", "\"partitions\""]);
    let (code, text) = said("pizza", &["topics", "check", "--json", "--config", &misspelt], &[]);
    let checked = serde_json::from_str::<serde_json::Value>(text.lines().next().unwrap()).unwrap();
    let problem = &checked["problems"][0];
    assert_eq!((code, problem["file"].as_str()), (Some(2), Some(misspelt.as_str())), "{text}");
    assert!(problem["line"].as_u64() > Some(1), "{text}");
    assert!(problem["text"].as_str().is_some_and(|text| text.contains("partition")), "{text}");
    let (code, text) = said("pizza", &["topics", "check", "--json", "--config", SHOP], &[]);
    let checked = serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_eq!((code, &checked["problems"]), (Some(0), &serde_json::json!([])), "{text}");
    let fewer = with("partitions = 4", "partitions = 3");
    refused("pizza", &["topics", "check", "--config", &fewer], &["3", "4", "repartition"]);
    // The map is in order, the broker's topics are not as it says.
    let all_fewer = chain.dir.join("fewer.toml");
    std::fs::write(&all_fewer, map.replace("partitions = 4", "partitions = 3")).unwrap();
    let all_fewer = all_fewer.display().to_string();
    let plan = ["topics", "plan", "--config", &all_fewer, "--brokers", &chain.brokers];
    refused("pizza", &plan, &["4 partitions", "3 are declared", "cannot take partitions away"]);
    for command in ["plan", "apply"] {
        let (code, text) = said("pizza", &[&["topics", command], &plan[2..]].concat(), &[]);
        let lines: HashSet<&str> = text.lines().map(|line| line.trim_start_matches("! ")).collect();
        assert_eq!((code, lines.len()), (Some(2), text.lines().count()), "said twice: {text}");
    }

    let two = Chain::with_last(
        &chain.brokers,
        &["a", "b"],
        &["sauce"],
        "",
        "[topics.other]\npartitions = 4",
    );
    let [odd, map] = [&two.topics[0], &two.dir.join("topics.toml").display().to_string()];
    let odd = odd.replace("-a", "-odd");
    let more = std::fs::read_to_string(map).unwrap().replacen(
        "[stages.sauce]",
        &format!("[topics.{odd}]\npartitions = 7\n[stages.sauce]"),
        1,
    );
    std::fs::write(map, more).unwrap();
    let apply = ["topics", "apply", "--config", map, "--brokers", &two.brokers];
    assert_eq!(said("pizza", &apply, &[]).0, Some(0));
    let args = ["--config", map, "--brokers", &two.brokers, "--output", &odd];
    refused("sauce", &args, &["4 partitions", "has 7", "repartition = true"]);
}

#[test]
fn stages_that_are_programs() {
    let dir = std::env::temp_dir().join(format!("command-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&dir).unwrap();
    let with = |stage: &str| {
        let (path, begin) = (
            dir.join("topics.toml"),
            "[chain]\nname = \"c\"\n[topics.a]\npartitions = 1\nsource = true\n[topics.b]\npartitions = 1\n",
        );
        std::fs::write(
            &path,
            format!("{begin}[stages.basil]\ninput = \"a\"\noutput = \"b\"\n{stage}\n"),
        )
        .unwrap();
        path.display().to_string()
    };
    let check = |stage: &str, says: &[&str]| {
        refused("pizza", &["topics", "check", "--config", &with(stage)], says);
    };
    check("command = []", &["stages.basil.command is empty", "[\"python3\", \"basil.py\"]"]);
    check("command = \"sh\"", &["stages.basil.command is of type string"]);
    check("command = [\"sh\"]\nexternal = true", &["a command", "external = true"]);
    check("command = [\"sh\"]\nformat = \"jsno\"", &["\"jsno\"", "\"json\""]);
    check("format = \"text\"", &["a format", "no command"]);
    check("service = [\"x\"]\nsink = true", &["a service", "sink = true"]);
    check("service = [\"x\"]\ncommand = [\"sh\"]", &["a command", "a service", "leave one"]);
    let run = |stage: &str, more: &[&str], says: &[&str]| {
        let map = with(stage);
        let all = [&["run", "--config", &map, "--brokers", "127.0.0.1:1"], more].concat();
        refused("pizza", &all, says);
    };
    run("", &[], &["no stage is given", "--stage NAME", "no stage has a command yet"]);
    run("", &["--stage", "basil"], &["stage \"basil\" has no command"]);
    let sh = "command = [\"sh\"]";
    run(sh, &["--stage", "bsail"], &["\"bsail\"", "\"basil\""]);
    run(sh, &[], &["no stage is given", "with a command: basil"]);
    run("command = [\"pyhton3\"]", &["--stage", "basil"], &["\"pyhton3\"", "PATH"]);
    std::fs::remove_dir_all(dir).ok();
}

#[test]
fn a_broker_that_never_comes_is_waited_for_with_progress() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let started = Instant::now();
    let (code, text) = said("sauce", &["--config", "topics.toml", "--brokers", &free], &[]);
    let took = started.elapsed();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("waiting for a broker at {free}")), "{text}");
    assert!(text.contains(&format!("no broker at {free}")), "{text}");
    let wait = Duration::from_secs(28)..Duration::from_secs(45);
    assert!(wait.contains(&took), "it waited {took:?}");
}

#[test]
fn a_broker_that_lets_nobody_in_is_no_broker_that_is_away() {
    let brokers = broker::shared();
    let settings = ["security.protocol=sasl_plaintext", "sasl.mechanisms=PLAIN"];
    let who = ["sasl.username=somebody", "sasl.password=sesame"];
    let mut args = vec!["--config", "topics.toml", "--brokers", &brokers];
    args.extend(settings.iter().chain(&who).flat_map(|setting| ["-X", setting]));
    let (code, text) = said("sauce", &args, &[]);
    assert_eq!(code, Some(1), "{text}");
    let waiting = format!("waiting for a broker at {brokers}");
    let waits: Vec<_> = text.lines().filter(|line| line.contains(&waiting)).collect();
    assert!(waits.len() > 1 && waits.iter().all(|line| line.contains("SASL")), "{text}");
    let end = text.lines().last().unwrap();
    assert!(end.contains(&format!("no broker at {brokers}")) && end.contains("SASL"), "{text}");
    assert!(!text.contains("sesame"), "{text}");
}

#[test]
fn a_data_directory_belongs_to_its_cluster() {
    let other = Own::start();
    let dir = std::env::temp_dir().join(format!("shop-{:x}", rand::random::<u64>()));
    drop(Shop::open(&other.address, free_port(), &dir));
    let (brokers, data) = (broker::shared(), dir.join("data").display().to_string());
    let up = ["--config", SHOP, "--brokers", &brokers, "--data", &data, "--listen", "127.0.0.1:0"];
    refused("pizza", &up, &["cluster", &data, "--data"]);
    std::fs::remove_dir_all(dir).ok();
}
