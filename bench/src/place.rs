//! Where Kafka is, and how contenders and measurements reach it.

use clap::Args;
use rdkafka::ClientConfig;
use stage_sdk::broker::Broker;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// `max.message.bytes` of the topics: the broker's default.
const LIMIT: usize = 1_048_588;

#[derive(Args, Clone)]
pub(crate) struct Place {
    /// Bootstrap address of Kafka.
    #[arg(long, env = "STAGE_BROKERS", default_value = "127.0.0.1:9092", global = true)]
    pub(crate) brokers: String,
    /// A librdkafka setting, for the raw loop and the stage alike.
    #[arg(short = 'X', value_name = "NAME=VALUE", value_parser = setting, global = true)]
    pub(crate) overrides: Vec<(String, String)>,
    /// none, gzip, snappy, lz4 or zstd, for the raw loop and the stage alike.
    #[arg(long, default_value = "none", global = true)]
    pub(crate) compression: String,
    /// So many seconds a run waits for a quiet machine; then it is measured all the same.
    #[arg(long, default_value_t = 60, global = true)]
    pub(crate) patience: u64,
    /// The engine behind --brokers, for the results' names.
    #[arg(long, default_value = "kafka", value_parser = ["kafka", "embedded"], global = true)]
    pub(crate) engine: String,
    /// Process id of the broker, to tell what CPU time it takes.
    #[arg(long, global = true)]
    pub(crate) broker_pid: Option<u32>,
    /// The project's top directory.
    #[arg(long, default_value = ".", global = true)]
    pub(crate) top: PathBuf,
    /// Where the built peers are.
    #[arg(long, default_value = "target/peers", global = true)]
    pub(crate) peers: PathBuf,
    /// Where the figures go.
    #[arg(long, default_value = "bench/results", global = true)]
    pub(crate) results: PathBuf,
}

impl Place {
    /// As the SDK sees it; the raw loop's settings come from here too, so that they are the same.
    pub(crate) fn broker(&self) -> Broker {
        Broker {
            servers: self.brokers.clone(),
            overrides: self.overrides.clone(),
            compression: self.compression.clone(),
        }
    }

    pub(crate) fn producer(&self, transactional_id: Option<&str>) -> ClientConfig {
        self.broker().producer(transactional_id, LIMIT, LIMIT)
    }

    /// A consumer of ours, not of a contender: settings of its own, from the beginning.
    pub(crate) fn reader(&self, group: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100");
        config
    }

    /// The file for a contender's words that are not for us.
    pub(crate) fn log(&self, contender: &str) -> PathBuf {
        self.results.join("logs").join(format!("{contender}.log"))
    }

    /// The same place as arguments for a contender's process.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["--brokers".to_owned(), self.brokers.clone()];
        all.extend(["--compression".to_owned(), self.compression.clone()]);
        for (name, value) in &self.overrides {
            all.extend(["-X".to_owned(), format!("{name}={value}")]);
        }
        all
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A name nobody used before: for topics and groups.
pub(crate) fn fresh(what: &str) -> String {
    format!("bench-{what}-{}", micros())
}

/// Microseconds since the epoch: the clock that processes of one machine share.
pub(crate) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}
