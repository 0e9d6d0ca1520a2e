//! What stage `price` of the documentation reads: orders that it can do, and others.

use crate::document::Document;
use crate::rig::broker::Own;
use crate::rig::chain::PARTITIONS;
use crate::rig::judge::{Judge, Seen};
use crate::rig::process::{Process, example};
use crate::shell::Shell;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// An order there is a price list for, and one there is none for.
pub(crate) const GOOD: &str = "2026";
pub(crate) const BAD: &str = "2027";

pub(crate) struct Shop {
    pub(crate) shell: Shell,
    producer: ThreadedProducer<DefaultProducerContext>,
    pub(crate) out: Judge,
    pub(crate) letters: Judge,
    // After its clients.
    pub(crate) broker: Own,
}

impl Shop {
    /// A broker of its own, since topics of these names are anybody's.
    pub(crate) fn open(policy: &str) -> Shop {
        let broker = Own::start();
        let mut shell = Shell::open(&broker.address, &map(policy));
        shell.apply();
        std::fs::create_dir(shell.dir.join("prices")).unwrap();
        let mut config = ClientConfig::new();
        let producer = config.set("bootstrap.servers", &broker.address).create().unwrap();
        let judge = |topic| Judge::of(&broker.address, topic);
        let (out, letters) = (judge("priced"), judge("orders.price.dlq"));
        let shop = Shop { shell, producer, out, letters, broker };
        shop.list(GOOD, true);
        shop
    }

    /// Puts a price list there, or takes it away.
    pub(crate) fn list(&self, name: &str, there: bool) {
        let list = self.shell.dir.join("prices").join(name);
        match there {
            true => std::fs::write(list, "").unwrap(),
            false => std::fs::remove_file(list).unwrap(),
        }
    }

    pub(crate) fn start(&self) -> Process {
        self.shell.stage(example("price"), &[])
    }

    /// Writes so many orders of a key, which is JSON.
    pub(crate) fn write(&self, partition: i32, key: &str, order: &str, count: usize) {
        let key = format!("\"{key}\"");
        for _ in 0..count {
            let record = BaseRecord::to("orders").partition(partition).key(&key).payload(order);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        self.producer.flush(LIMIT).unwrap();
    }
}

/// Key and value of what was seen.
pub(crate) fn pairs(seen: &[Seen]) -> Vec<(String, String)> {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
    let plain = |seen: &Seen| (text(&seen.key).replace('"', ""), text(&seen.value));
    seen.iter().map(plain).collect()
}

/// The stage as docs/retry.md has it, with the line that it gives for this policy.
fn map(policy: &str) -> String {
    let maps = Document::read("docs/retry.md").maps;
    let is_wanted = |line: &&str| line.contains(&format!("policy = \"{policy}\""));
    let wanted = maps.iter().flat_map(|map| map.lines()).find(is_wanted);
    let wanted = wanted.unwrap_or_else(|| panic!("docs/retry.md has no line for {policy}"));
    let stage =
        maps[0].lines().map(|line| if line.starts_with("retry = ") { wanted } else { line });
    let stage: Vec<&str> = stage.collect();
    format!(
        "[chain]\nname = \"shop\"\n[topics]\norders = {{ partitions = {PARTITIONS}, source = true }}\n\
         priced = {{ partitions = {PARTITIONS} }}\n{}\n",
        stage.join("\n")
    )
}
