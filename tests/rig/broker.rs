//! The broker the tests run against.

use super::machine;
use stage_broker::{Broker, Config};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The shared broker: the one given by `STAGE_TEST_BROKERS`, or one of our own in this process.
pub fn shared() -> String {
    machine::share();
    static SHARED: OnceLock<(String, Option<Broker>)> = OnceLock::new();
    let start = || match std::env::var("STAGE_TEST_BROKERS") {
        Ok(given) if !given.is_empty() => (given, None),
        _ => {
            let broker = Broker::start_blocking(Config::memory()).unwrap();
            (broker.address().to_string(), Some(broker))
        }
    };
    SHARED.get_or_init(start).0.clone()
}

/// A broker of one test's own, to be hurt: an Apache Kafka if `STAGE_TEST_ENGINE` says `kafka`,
/// else ours. Stopped and removed when dropped.
pub struct Own {
    pub address: String,
    dir: PathBuf,
    /// Ours, while it runs.
    embedded: RefCell<Option<Broker>>,
}

impl Own {
    pub fn start() -> Own {
        machine::share();
        let dir = PathBuf::from(format!("target/broker-own-{:x}", rand::random::<u32>()));
        if is_kafka() {
            let address = kafka(&["start", "--port", "0", "--dir", &text(&dir)]);
            return Own { address, dir, embedded: RefCell::default() };
        }
        let broker = Broker::start_blocking(Config::directory(root().join(&dir))).unwrap();
        Own { address: broker.address().to_string(), dir, embedded: RefCell::new(Some(broker)) }
    }

    pub fn stop(&self) {
        match is_kafka() {
            true => drop(kafka(&["stop", "--dir", &text(&self.dir)])),
            false => drop(self.embedded.take()),
        }
    }

    pub fn start_again(&self) {
        if is_kafka() {
            assert_eq!(kafka(&["start", "--dir", &text(&self.dir)]), self.address);
            return;
        }
        let config = Config::directory(root().join(&self.dir)).listen(&self.address);
        self.embedded.replace(Some(Broker::start_blocking(config).unwrap()));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop();
        std::fs::remove_dir_all(root().join(&self.dir)).ok();
    }
}

fn is_kafka() -> bool {
    std::env::var("STAGE_TEST_ENGINE").is_ok_and(|engine| engine == "kafka")
}

/// Runs `scripts/kafka`; gives the last line it prints.
pub fn kafka(args: &[&str]) -> String {
    let script = root().join("scripts/kafka");
    let output = Command::new(&script)
        .args(args)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(output.status.success(), "scripts/kafka {args:?}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().lines().last().unwrap_or_default().to_owned()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
