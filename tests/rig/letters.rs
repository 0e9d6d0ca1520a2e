//! Dead letters written by hand, and the tools for them run as a user runs them.

use super::chain::Chain;
use super::process::program;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One dead letter, as it is written.
pub struct Letter<'l> {
    pub partition: i32,
    pub key: Option<&'l str>,
    pub value: Option<&'l str>,
    pub time: i64,
    pub headers: &'l [(&'l str, &'l [u8])],
}

/// Counts what did not arrive.
#[derive(Default)]
struct Refused(AtomicUsize);

impl ClientContext for Refused {}

impl ProducerContext for Refused {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
    }
}

/// Writes dead letters.
pub struct Hand(ThreadedProducer<Refused>);

impl Hand {
    pub fn new(brokers: &str) -> Hand {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("enable.idempotence", "true");
        Hand(config.set("linger.ms", "5").create_with_context(Refused::default()).unwrap())
    }

    pub fn write(&self, topic: &str, letter: &Letter<'_>) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in letter.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let mut record = BaseRecord::to(topic)
            .partition(letter.partition)
            .timestamp(letter.time)
            .headers(headers);
        record.key = letter.key;
        record.payload = letter.value;
        self.0.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub fn flush(&self) {
        self.0.flush(Duration::from_secs(30)).unwrap();
        assert_eq!(self.0.context().0.load(Ordering::Relaxed), 0, "the broker refused some");
    }
}

/// `pizza dead-letters …` on a chain.
pub fn command(chain: &Chain, args: &[&str]) -> Command {
    let mut command = Command::new(program("pizza"));
    command.arg("dead-letters").args(args).args(["--brokers", &chain.brokers, "--config"]);
    command.arg(chain.dir.join("topics.toml")).env("RUST_BACKTRACE", "0");
    command
}

/// Runs it; gives what it prints.
pub fn told(chain: &Chain, args: &[&str]) -> String {
    let output = command(chain, args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    assert!(!errors.contains("ERROR"), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it with `--json`; gives each line.
pub fn told_json(chain: &Chain, args: &[&str]) -> Vec<serde_json::Value> {
    let text = told(chain, &[args, &["--json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs it, and it must fail; gives the exit code and what it complains of.
pub fn refused(chain: &Chain, args: &[&str]) -> (Option<i32>, String) {
    let output = command(chain, args).output().unwrap();
    assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
