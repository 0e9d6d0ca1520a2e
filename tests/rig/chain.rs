//! A chain of a test's own: its topics carry a name nobody else uses.

use super::process::{Process, program};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::{GroupList, GroupMemberInfo};
use rdkafka::{Offset, TopicPartitionList};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

pub const PARTITIONS: i32 = 4;

pub struct Chain {
    pub name: String,
    pub brokers: String,
    pub dir: PathBuf,
    /// The topics in chain order; stage `i` leads from topic `i` to `i + 1`.
    pub topics: Vec<String>,
    pub stages: Vec<String>,
    /// Its stages have commands in the route map.
    pub commanded: bool,
    /// Flags that every stage process gets.
    pub flags: Vec<String>,
    /// A program, and its flags, that stage processes run under.
    pub under: Vec<String>,
    /// Variables that every stage process gets.
    pub env: Vec<(&'static str, String)>,
}

impl Chain {
    /// The pizza chain.
    pub fn pizza(brokers: &str) -> Chain {
        let topics = ["pizza", "with-sauce", "with-cheese", "with-meats", "with-veggies"];
        Chain::new(brokers, &topics, &["sauce", "cheese", "meat", "veggie"], "")
    }

    /// Any chain; `more` is added to each stage's table in the route map, where `CHAIN` stands for
    /// the chain's name.
    pub fn new(brokers: &str, topics: &[&str], stages: &[&str], more: &str) -> Chain {
        Chain::with_last(brokers, topics, stages, more, "")
    }

    /// As [`Chain::new`]; `last` is added to the last topic's table.
    pub fn with_last(
        brokers: &str,
        topics: &[&str],
        stages: &[&str],
        more: &str,
        last: &str,
    ) -> Chain {
        let name = format!("t{:08x}", rand::random::<u32>());
        let dir = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&dir).unwrap();
        let topics: Vec<String> = topics.iter().map(|topic| format!("{name}-{topic}")).collect();
        let mut map = format!("[chain]\nname = \"{name}\"\ncompression = \"lz4\"\n");
        for (at, topic) in topics.iter().enumerate() {
            map += &format!("[topics.{topic}]\npartitions = {PARTITIONS}\nsource = {}\n", at == 0);
        }
        map += &format!("{last}\n");
        let more = more.replace("CHAIN", &name);
        for (at, stage) in stages.iter().enumerate() {
            let (input, output) = (&topics[at], &topics[at + 1]);
            map +=
                &format!("[stages.{stage}]\ninput = \"{input}\"\noutput = \"{output}\"\n{more}\n");
        }
        std::fs::write(dir.join("topics.toml"), map).unwrap();
        let chain = Chain {
            name,
            brokers: brokers.to_owned(),
            dir,
            topics,
            stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
            commanded: false,
            flags: Vec::new(),
            under: Vec::new(),
            env: Vec::new(),
        };
        chain.apply();
        chain
    }

    fn apply(&self) {
        let output = Command::new(program("pizza"))
            .args(["topics", "apply", "--brokers", &self.brokers, "--config"])
            .arg(self.dir.join("topics.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts one process of a stage; `instance` tells processes of one stage apart, and one
    /// started again under the same number takes its predecessor's place.
    pub fn start(&self, stage: &str, instance: usize) -> Process {
        self.start_program(program(stage), stage, instance)
    }

    pub fn start_program(&self, path: PathBuf, stage: &str, instance: usize) -> Process {
        let command = match &self.under[..] {
            [] => Command::new(path),
            [program, flags @ ..] => {
                let mut command = Command::new(program);
                command.args(flags).arg(path);
                command
            }
        };
        self.start_command(command, stage, instance)
    }

    /// As [`Chain::start`], with a command that the flags of a stage are added to.
    pub fn start_command(&self, mut command: Command, stage: &str, instance: usize) -> Process {
        command
            .args(["--stage", stage, "--brokers", &self.brokers, "--config"])
            .arg(self.dir.join("topics.toml"))
            .arg("--state-dir")
            .arg(self.dir.join(format!("state-{instance}")))
            .args(&self.flags)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        Process::start(command, &self.dir.join(format!("{stage}-{instance}.log")))
    }

    pub fn start_all(&self) -> Vec<Process> {
        self.stages.iter().map(|stage| self.start(stage, 0)).collect()
    }

    pub fn first(&self) -> &str {
        &self.topics[0]
    }

    pub fn last(&self) -> &str {
        self.topics.last().unwrap()
    }

    pub fn dead_letters(&self, stage: usize) -> String {
        format!("{}.{}.dlq", self.topics[stage], self.stages[stage])
    }

    pub fn group(&self, stage: &str) -> String {
        format!("{}.{stage}", self.name)
    }

    /// A look at a stage's group from outside.
    pub fn group_of(&self, stage: usize) -> Group {
        let reader = reader(&self.brokers, &self.group(&self.stages[stage]));
        let (name, topic) = (self.group(&self.stages[stage]), self.topics[stage].clone());
        Group { reader, name, topic }
    }
}

/// For one question to the broker.
const WAIT: Duration = Duration::from_secs(10);

/// A stage's group and its input, seen from outside; it is no member.
pub struct Group {
    reader: BaseConsumer,
    name: String,
    topic: String,
}

impl Group {
    /// What the group has committed, by partition; 0 where there is nothing.
    pub fn committed(&self) -> Vec<i64> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let committed = self.reader.committed_offsets(list, WAIT).unwrap();
        let raw = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        committed.elements().into_iter().map(|element| raw(element.offset())).collect()
    }

    /// How many partitions each member has, fewest first; None while the group is on the move.
    pub fn shares(&self) -> Option<Vec<usize>> {
        let list = self.reader.fetch_group_list(Some(&self.name), WAIT).ok()?;
        let group = list.groups().first().filter(|group| group.state() == "Stable")?;
        let mut shares: Vec<usize> = group.members().iter().map(share).collect();
        shares.sort_unstable();
        (shares.iter().sum::<usize>() == PARTITIONS as usize).then_some(shares)
    }

    /// How many members the group has, with partitions or without.
    pub fn members(&self) -> usize {
        self.names().len()
    }

    /// The names of its members.
    pub fn names(&self) -> Vec<String> {
        let list = self.reader.fetch_group_list(Some(&self.name), WAIT);
        let members = |list: &GroupList| -> Vec<String> {
            let members = list.groups().iter().flat_map(|group| group.members());
            members.map(|member| member.id().to_owned()).collect()
        };
        list.as_ref().map(members).unwrap_or_default()
    }
}

/// The partitions in an assignment: version, number of topics, and of each its name and
/// partitions, which are counted. We have one topic.
fn share(member: &GroupMemberInfo) -> usize {
    let count = |bytes: &[u8]| -> Option<u32> {
        let name = u16::from_be_bytes(bytes.get(6..8)?.try_into().ok()?) as usize;
        Some(u32::from_be_bytes(bytes.get(8 + name..12 + name)?.try_into().ok()?))
    };
    member.assignment().and_then(count).unwrap_or_default() as usize
}

/// How many offsets of a topic belong to transactions that are still open.
pub fn in_doubt(brokers: &str, topic: &str) -> i64 {
    let end = |isolation: &str| -> i64 {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("isolation.level", isolation);
        let client: BaseConsumer = config.create().unwrap();
        let end = |partition| client.fetch_watermarks(topic, partition, WAIT).unwrap().1;
        (0..PARTITIONS).map(end).sum()
    };
    let committed = end("read_committed");
    end("read_uncommitted") - committed
}

impl Drop for Chain {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("logs of the stages are in {}", self.dir.display());
        } else {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}

/// A plain consumer that sees committed records only and joins no group by itself.
pub fn reader(brokers: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "20")
        .create()
        .unwrap()
}
