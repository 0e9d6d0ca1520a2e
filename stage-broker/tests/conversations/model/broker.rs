//! The broker of a run: ours as a process of its own, which can be killed; or the Apache Kafka that
//! all share, which is left in peace.

use crate::engine::{self, Engine, engine};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Mortal {
    pub(crate) address: String,
    /// Ours, and where it keeps its data.
    own: Option<(Child, PathBuf)>,
}

impl Mortal {
    pub(crate) fn start() -> Mortal {
        if engine() == Engine::Kafka {
            return Mortal { address: engine::address().to_owned(), own: None };
        }
        let dir = std::env::temp_dir().join(format!("stage-model-{}", uuid::Uuid::new_v4()));
        let (child, address) = start(&dir);
        Mortal { address, own: Some((child, dir)) }
    }

    /// Kills it and starts it again; whether it did.
    pub(crate) fn kill(&mut self) -> bool {
        let Some((child, dir)) = &mut self.own else { return false };
        end(child);
        (*child, self.address) = start(dir);
        true
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some((child, dir)) = &mut self.own {
            end(child);
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

fn start(dir: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stage-broker"))
        .args(["--listen", "127.0.0.1:0", "-c", "log.cleaner.backoff.ms=20", "--data"])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the broker's program");
    let mut address = String::new();
    let said = child.stdout.take().expect("its output");
    BufReader::new(said).read_line(&mut address).expect("its address");
    (child, address.trim().to_owned())
}

fn end(child: &mut Child) {
    let _ = child.kill(); // SIGKILL
    let _ = child.wait();
}
