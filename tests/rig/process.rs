//! A stage process that can be hurt.

use super::until;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A program of this workspace, built beside the tests.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join(name);
    assert!(path.exists(), "{} is not built; run the tests with scripts/test", path.display());
    path
}

/// An example program of the root package.
pub fn example(name: &str) -> PathBuf {
    program(&format!("examples/{name}"))
}

/// Killed when dropped.
pub struct Process {
    child: Child,
    pub log: PathBuf,
}

impl Process {
    pub fn start(mut command: Command, log: &Path) -> Process {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let told = std::env::var("STAGE_TEST_LOG").unwrap_or_else(|_| "info".to_owned());
        command.env("STAGE_LOG", told).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Process { child: command.spawn().unwrap(), log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill {name}");
    }

    /// SIGTERM, then its end.
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.signal("-TERM");
        self.end(limit)
    }

    pub fn end(&mut self, limit: Duration) -> ExitStatus {
        let log = self.log.display().to_string();
        until(&format!("the process ends ({log})"), limit, || self.child.try_wait().unwrap())
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// CPU seconds used so far.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11..13].iter().map(|text| text.parse::<f64>().unwrap()).sum();
        ticks / 100.0
    }

    /// The most memory it has had so far, in bytes.
    pub fn most_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
