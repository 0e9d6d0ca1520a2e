//! The broker the tests run against.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The shared broker: the one given by `STAGE_TEST_BROKERS`, or an Apache Kafka started once.
pub fn shared() -> String {
    static SHARED: OnceLock<String> = OnceLock::new();
    let start = || match std::env::var("STAGE_TEST_BROKERS") {
        Ok(given) if !given.is_empty() => given,
        _ => {
            eprintln!(
                "STAGE_TEST_BROKERS is not set: starting one; end it with scripts/kafka stop --dir target/kafka-tests"
            );
            kafka(&["start", "--port", "0", "--dir", "target/kafka-tests"])
        }
    };
    SHARED.get_or_init(start).clone()
}

/// A broker of one test's own, to be hurt. Stopped and removed when dropped.
pub struct Own {
    pub address: String,
    dir: PathBuf,
}

impl Own {
    pub fn start() -> Own {
        let dir = PathBuf::from(format!("target/kafka-own-{:x}", rand::random::<u32>()));
        let address = kafka(&["start", "--port", "0", "--dir", &text(&dir)]);
        Own { address, dir }
    }

    pub fn stop(&self) {
        kafka(&["stop", "--dir", &text(&self.dir)]);
    }

    pub fn start_again(&self) {
        assert_eq!(kafka(&["start", "--dir", &text(&self.dir)]), self.address);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.stop();
        std::fs::remove_dir_all(root().join(&self.dir)).ok();
    }
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
