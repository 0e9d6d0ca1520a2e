//! A terminal in a directory with a route map, as the documentation assumes it.

use crate::document::{Document, Example};
use crate::rig::process::{Process, program};
use crate::rig::until;
use crate::shape::alike;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For a command.
const LIMIT: &str = "60";

/// What a Debian may not have.
const TOOLS: [&str; 3] = ["curl", "jq", "kcat"];

pub(crate) struct Shell {
    pub(crate) brokers: String,
    pub(crate) dir: PathBuf,
    /// Where the documentation has 9464.
    pub(crate) port: u16,
    /// The assignments so far.
    kept: String,
}

impl Shell {
    pub(crate) fn open(brokers: &str, map: &str) -> Shell {
        let dir = std::env::temp_dir().join(format!("docs-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(dir.join("target")).unwrap();
        let programs = program("pizza");
        let programs = programs.parent().unwrap();
        std::os::unix::fs::symlink(programs, dir.join("target/release")).unwrap();
        std::fs::write(dir.join("topics.toml"), map).unwrap();
        let (brokers, kept) = (brokers.to_owned(), String::new());
        let mut shell = Shell { brokers, dir, port: port(), kept };
        shell.run(&Document::find("README.md", "topics apply"));
        shell
    }

    /// Runs it; it must succeed, and print what the documentation says, if that says something. None:
    /// a tool is missing.
    pub(crate) fn run(&mut self, example: &Example) -> Option<String> {
        let Example { place, command, output } = example;
        let lacks = |tool: &&&str| command.contains(**tool) && which(tool).is_none();
        if let Some(tool) = TOOLS.iter().find(lacks) {
            eprintln!("!!!!!! NO {tool} HERE: SKIPPED IS {place}: {command} !!!!!!");
            return None;
        }
        eprintln!("$ {command}");
        let printed = self.told(command);
        if !output.is_empty() {
            alike(place, &self.here(output), &printed);
        }
        // No documented command begins with an assignment and then does something else.
        let name = command.trim_start_matches("export ").split_once('=').map(|(name, _)| name);
        if name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
            self.kept += &format!("{}\n", self.here(command));
        }
        Some(printed)
    }

    /// Runs it; gives all that it prints.
    pub(crate) fn told(&self, command: &str) -> String {
        let script = format!("set -eo pipefail\n{}{}", self.kept, self.here(command));
        let mut bash = self.bash(Command::new("timeout"));
        let output = bash.args([LIMIT, "bash", "-c", &format!("exec 2>&1\n{script}")]);
        let output = output.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {}\n{printed}", output.status);
        printed
    }

    /// Starts what runs on, and waits until it says what the documentation shows.
    pub(crate) fn start(&self, example: &Example) -> Process {
        let Example { place, command, output } = example;
        let mut bash = self.bash(Command::new("bash"));
        bash.args(["-c", &format!("{}exec {}", self.kept, self.here(command))]);
        let process = Process::start(bash, &self.dir.join("command.log"));
        for line in self.here(output).lines() {
            until(&format!("{place} prints {line:?}"), Duration::from_secs(20), || {
                let log = std::fs::read_to_string(&process.log).unwrap();
                log.lines().any(|printed| printed == line).then_some(())
            });
        }
        process
    }

    /// Starts a stage program with no more than its environment.
    pub(crate) fn stage(&self, program: PathBuf, args: &[&str]) -> Process {
        let mut command = self.bash(Command::new(program));
        command.args(args);
        Process::start(command, &self.dir.join("stage.log"))
    }

    fn bash(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.dir.join("target/release").display());
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("STAGE_")) {
            command.env_remove(variable);
        }
        command.current_dir(&self.dir).env("PATH", path).env("STAGE_BROKERS", &self.brokers);
        command
    }

    /// The documentation's addresses are those of a machine of one's own: here the broker is where it
    /// is, and where port 9464 is taken another one is.
    fn here(&self, text: &str) -> String {
        let port = self.port.to_string();
        text.replace("9464", &port).replace("127.0.0.1:9092", &self.brokers)
    }
}

fn port() -> u16 {
    let listen = |port| TcpListener::bind(("127.0.0.1", port));
    let listener = listen(9464).or_else(|_| listen(0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|path| Path::exists(path))
}

impl Drop for Shell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("logs of the stages are in {}", self.dir.display());
        } else {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}
