//! Our own broker as a process with data of its own, for what is not done to one that all share.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use uuid::Uuid;

/// What it says, on the same disk as its data.
const LOG: &str = "broker.log";

pub(crate) struct Process {
    pub(crate) address: String,
    child: Child,
    dir: PathBuf,
    arguments: Vec<&'static str>,
}

impl Process {
    pub(crate) fn start() -> Process {
        Process::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&'static str]) -> Process {
        let dir = std::env::temp_dir().join(format!("stage-process-{}", Uuid::new_v4()));
        let (child, address) = start(&dir, arguments);
        Process { address, child, dir, arguments: arguments.to_vec() }
    }

    /// Where it keeps a partition.
    pub(crate) fn partition(&self, topic: &str, id: Uuid, index: i32) -> PathBuf {
        self.dir.join(format!("topics/{topic}.{id}/{index}"))
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join(LOG)).unwrap_or_default()
    }

    /// Kills it, and starts it again on its data, at another address.
    pub(crate) fn kill(&mut self) {
        self.end();
        (self.child, self.address) = start(&self.dir, &self.arguments);
    }

    /// Lets none of its files grow above so many bytes; none: as much as there is room for.
    #[cfg(target_os = "linux")]
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let status = Command::new("prlimit")
            .arg(format!("--fsize={limit}:"))
            .arg(format!("--pid={}", self.child.id()))
            .status();
        assert!(status.expect("prlimit").success());
    }

    fn end(&mut self) {
        let _ = self.child.kill(); // SIGKILL
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn start(dir: &Path, arguments: &[&str]) -> (Child, String) {
    std::fs::create_dir_all(dir).expect("a directory");
    let log = File::options().create(true).append(true).open(dir.join(LOG)).expect("a log");
    // Without the trap the system kills who goes over a limit.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_stage-broker")])
        .args(["--listen", "127.0.0.1:0", "-c", "log.cleaner.backoff.ms=20", "--data"])
        .arg(dir)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the broker's program");
    let mut address = String::new();
    let said = child.stdout.take().expect("its output");
    BufReader::new(said).read_line(&mut address).expect("its address");
    assert!(!address.is_empty(), "the broker did not start");
    (child, address.trim().to_owned())
}
