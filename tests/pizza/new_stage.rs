//! `pizza new stage`, and the shop with such a stage beside it.

use crate::rig::broker::root;
use crate::rig::process::{Process, program};
use crate::rig::until;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SHOP: &str = "deploy/kubernetes/topics.toml";

const LIMIT: Duration = Duration::from_secs(40);

/// A directory with the route map, where nothing is built.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        let dir = std::env::temp_dir().join(format!("new-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&dir).unwrap();
        // The shop as it comes, whatever somebody has put into their own.
        std::fs::copy(SHOP, dir.join("topics.toml")).unwrap();
        Place(dir)
    }

    fn map(&self) -> String {
        std::fs::read_to_string(self.0.join("topics.toml")).unwrap()
    }

    /// Exit code, and what it wrote.
    pub(crate) fn pizza(&self, args: &[&str]) -> (Option<i32>, String) {
        let output =
            Command::new(program("pizza")).args(args).current_dir(&self.0).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn new_stage(&self, args: &[&str]) -> (Option<i32>, String) {
        let sdk = root().join("stage-sdk").display().to_string();
        self.pizza(&[&["new", "stage", "--sdk", &sdk], args].concat())
    }

    /// Opens the shop here, with a broker of its own; gives its address too.
    pub(crate) fn open(&self) -> (Process, String) {
        let mut command = Command::new(program("pizza"));
        command.args(["--memory", "--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"]);
        let log = self.0.join(format!("log-{:x}", rand::random::<u32>()));
        let shop = Process::start(command_in(command, &self.0), &log);
        let url = until("the shop opens", LIMIT, || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.lines().find_map(|line| Some(line.strip_prefix("pizza shop open: ")?.to_owned()))
        });
        (shop, url)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }
}

fn command_in(mut command: Command, dir: &Path) -> Command {
    command.current_dir(dir);
    command
}

/// The programs that the shop has started: their process ids.
fn children(shop: &Process) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", shop.id())).unwrap();
    let children =
        tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")));
    let children: Vec<String> = children.map(Result::unwrap_or_default).collect();
    children.join(" ").split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn lives(id: u32) -> bool {
    // One that nobody has waited for yet has no command line any more.
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn what_is_made_is_what_is_built_and_tested_here() {
    let place = Place::new();
    let (code, said) = place.new_stage(&["basil", "--after", "meat"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("cargo build --release --manifest-path plug-ins/basil/Cargo.toml"),
        "{said}"
    );
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let (made, ours) = (place.0.join("plug-ins/basil"), root().join("plug-ins/oregano"));
    let main = read(made.join("src/main.rs"));
    assert_eq!(main, read(ours.join("src/main.rs")).replace("oregano", "basil"));
    assert!(main.contains("fn basil(") && main.contains("stage_sdk::run(basil)"), "{main}");
    let sdk = root().join("stage-sdk").display().to_string();
    let manifest = read(ours.join("Cargo.toml")).replace("../../stage-sdk", &sdk);
    let manifest = manifest.replace("oregano", "basil") + "\n[workspace]\n";
    assert_eq!(read(made.join("Cargo.toml")), manifest);
    let before = std::fs::read_to_string(SHOP).unwrap();
    let added = |line: &&str| !before.lines().any(|old| old == *line);
    let map = place.map();
    assert_eq!(
        map.lines().filter(added).collect::<Vec<_>>(),
        [
            "[topics.pizza-for-basil]",
            "output = \"pizza-for-basil\"",
            "[stages.basil]",
            "input = \"pizza-for-basil\"",
            "service = [\"plug-ins/basil/target/release/basil\"]",
        ]
    );
    assert_eq!(place.pizza(&["topics", "check"]).0, Some(0));
    let (code, said) = place.new_stage(&["sea-salt", "--", "sh", "salt.sh"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(
            "veggie writes pizza-for-sea-salt now, sea-salt reads it and writes pizza-with-veggies"
        ),
        "{said}"
    );
    assert!(place.map().contains("command = [\"sh\", \"salt.sh\"]"), "{}", place.map());
    assert!(!place.0.join("plug-ins/sea-salt").exists());
}

#[test]
fn the_new_topic_is_as_the_one_before_it_stands_and_the_file_as_it_was() {
    let place = Place::new();
    let map = place.map().replace(
        "[topics.pizza-with-meats]\npartitions = 4",
        "[topics.pizza-with-meats]\npartitions = 7\nconfig = { \"max.message.bytes\" = \"2000000\" }",
    );
    // All of the chain has as many partitions.
    let map = map.replace("partitions = 4", "partitions = 7").replace('\n', "\r\n");
    let file = place.0.join("topics.toml");
    std::fs::write(&file, map).unwrap();
    assert_eq!(place.new_stage(&["basil", "--after", "meat"]).0, Some(0));
    let topic = "[topics.pizza-for-basil]\r\npartitions = 7\r\nconfig = { \"max.message.bytes\" = \"2000000\" }\r\n";
    let written = place.map();
    assert!(written.contains(topic) && !written.replace("\r\n", "").contains('\n'), "{written}");
    let mut permissions = std::fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file, permissions).unwrap();
    let (code, said) = place.new_stage(&["thyme"]);
    assert!(code == Some(1) && said.contains("may only be read"), "{said}");
    assert_eq!(place.map(), written);
    // The crate is there, and is taken when it can be placed.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &written).unwrap();
    assert_eq!(place.new_stage(&["thyme"]).0, Some(0));
    assert!(place.map().contains("[stages.thyme]"));
}

#[test]
fn what_cannot_be_made_changes_nothing() {
    let place = Place::new();
    assert_eq!(place.new_stage(&["basil"]).0, Some(0));
    let map = place.map();
    let refused = |args: &[&str], says: &str| {
        let (code, said) = place.new_stage(args);
        assert!(code == Some(2) && said.contains(says), "{args:?}: {code:?} {said}");
    };
    refused(&["basil"], "there is a stage \"basil\" already");
    refused(&["sauce"], "there is a stage \"sauce\" already");
    refused(&["Basil"], "small letters");
    refused(&["thyme", "--", "no-such-program"], "\"no-such-program\" in PATH");
    std::fs::write(
        place.0.join("topics.toml"),
        map.clone() + "[topics.pizza-for-thyme]\npartitions = 4\nsource = true\n",
    )
    .unwrap();
    refused(&["thyme"], "there is a topic \"pizza-for-thyme\" already");
    std::fs::write(place.0.join("topics.toml"), &map).unwrap();
    refused(&["thyme", "--after", "view"], "it can be sauce, cheese, meat, veggie, basil");
    let (code, said) = place.pizza(&["new", "stage", "thyme"]);
    assert!(code == Some(2) && said.contains("--sdk DIR"), "{said}");
    assert_eq!(place.map(), map);
    assert!(!place.0.join("plug-ins/thyme").exists() && !place.0.join("plug-ins/sauce").exists());
    // One that is not built is told before anything is started.
    let (code, said) =
        place.pizza(&["--memory", "--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"]);
    assert!(
        code == Some(2)
            && said.contains("cargo build --release --manifest-path plug-ins/basil/Cargo.toml"),
        "{said}"
    );
}

#[test]
fn the_shop_keeps_it_running_and_takes_it_along() {
    let place = Place::new();
    assert_eq!(place.new_stage(&["oregano", "--after", "meat"]).0, Some(0));
    let built = program("oregano").display().to_string();
    let map = place.map().replace("plug-ins/oregano/target/release/oregano", &built);
    std::fs::write(place.0.join("topics.toml"), &map).unwrap();
    let (mut shop, url) = place.open();
    let log = shop.log.clone();
    let order = |count: &str| {
        let (code, said) =
            place.pizza(&["order", "--url", &url, count, "--watch", "--json", "--timeout", "60"]);
        assert_eq!(code, Some(0), "{said}\n{}", std::fs::read_to_string(&log).unwrap());
    };
    order("20");
    // Killed, it is started again, and what it had in hand is done.
    let [first] = children(&shop)[..] else { panic!("{:?}", children(&shop)) };
    Command::new("kill").args(["-KILL", &first.to_string()]).status().unwrap();
    order("200");
    let second = children(&shop);
    assert!(second.len() == 1 && second[0] != first, "{first} {second:?}");
    assert!(
        std::fs::read_to_string(&log)
            .unwrap()
            .contains("\"oregano\": its program ended (signal: 9")
    );
    let records =
        ureq::get(format!("{url}/topics/pizza-with-meats/records?limit=100")).call().unwrap();
    let records: Value = serde_json::from_reader(records.into_body().into_reader()).unwrap();
    let records = records["records"].as_array().unwrap();
    let seasoned = |record: &Value| {
        let pizza: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
        pizza["oregano"] == true
    };
    assert!(records.len() == 100 && records.iter().all(seasoned), "{records:#?}");
    // What somebody does to the route map meanwhile is for the next time that the shop is opened.
    assert_eq!(place.new_stage(&["thyme", "--after", "oregano", "--", "cat"]).0, Some(0));
    Command::new("kill").args(["-KILL", &second[0].to_string()]).status().unwrap();
    let told_wrong = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("its program ended (exit status: 2); it is started again").then_some(())
    };
    until("it asks for a topic that is not there", LIMIT, told_wrong);
    std::fs::write(place.0.join("topics.toml"), &map).unwrap();
    order("7");
    let second = children(&shop);
    assert_eq!(second.len(), 1);
    // Stopped, the shop takes it along; killed, the end of its input tells it.
    assert!(shop.stop(Duration::from_secs(12)).success(), "{}", log.display());
    assert!(!lives(second[0]));
    let (mut shop, _) = place.open();
    let [third] = children(&shop)[..] else { panic!("{:?}", children(&shop)) };
    shop.kill();
    until("it ends with the shop", Duration::from_secs(20), || (!lives(third)).then_some(()));
}

#[test]
fn one_that_was_told_something_wrong_ends_the_shop() {
    let place = Place::new();
    assert_eq!(place.new_stage(&["oregano"]).0, Some(0));
    let made = "[\"plug-ins/oregano/target/release/oregano\"]";
    let map = place.map().replace(made, "[\"sh\", \"-c\", \"echo no such thing >&2; exit 2\"]");
    std::fs::write(place.0.join("topics.toml"), map).unwrap();
    let (code, said) =
        place.pizza(&["--memory", "--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("no such thing") && said.contains("stage \"oregano\": its program ended"),
        "{said}"
    );
}
