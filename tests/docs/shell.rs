//! A terminal in a directory with a route map, as the documentation assumes it.

use crate::document::{Document, Example};
use crate::rig::process::{Process, program};
use crate::rig::until;
use crate::shape::alike;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For a command.
const LIMIT: &str = "60";

/// What a Debian may not have.
const TOOLS: [&str; 3] = ["curl", "jq", "kcat"];

pub(crate) struct Shell {
    pub(crate) dir: PathBuf,
    /// What its environment has.
    pub(crate) env: Vec<(&'static str, String)>,
    /// What stands there in the documentation, and what it is here.
    pub(crate) here: Vec<(&'static str, String)>,
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
        // It shows its progress wherever it is not at a terminal.
        std::fs::write(dir.join(".curlrc"), "silent\nshow-error\n").unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", dir.join("target/release").display());
        let curl = ("CURL_HOME", dir.display().to_string());
        let env = vec![("PATH", path), curl, ("STAGE_BROKERS", brokers.to_owned())];
        // Ports that others may have here; the broker is where it is.
        let port = |number| format!(":{}", free(number));
        let brokers = brokers.to_owned();
        let here = vec![(":9464", port(9464)), (":8094", port(8094)), ("127.0.0.1:9092", brokers)];
        Shell { dir, env, here, kept: String::new() }
    }

    /// Has the broker make the route map's topics.
    pub(crate) fn apply(&mut self) {
        self.run(&Document::find("docs/running.md", "topics apply"));
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
        let mut bash = self.inside(Command::new("timeout"));
        let output = bash.args([LIMIT, "bash", "-c", &format!("exec 2>&1\n{script}")]);
        let output = output.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {}\n{printed}", output.status);
        printed
    }

    /// Starts what runs on, and waits until it says what the documentation shows.
    pub(crate) fn start(&self, example: &Example) -> Process {
        self.start_behind("", example)
    }

    /// As [`Shell::start`], where other commands come before it, and stay its children.
    pub(crate) fn start_behind(&self, before: &str, example: &Example) -> Process {
        let Example { place, command, output } = example;
        eprintln!("$ {before}\n$ {command}");
        let mut bash = self.inside(Command::new("bash"));
        let script = format!("{}{before}\nexec {}", self.kept, self.here(command));
        bash.args(["-c", &script]);
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
        let mut command = self.inside(Command::new(program));
        command.args(args);
        Process::start(command, &self.dir.join("stage.log"))
    }

    fn inside(&self, mut command: Command) -> Command {
        for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("STAGE_")) {
            command.env_remove(variable);
        }
        command.current_dir(&self.dir).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The documentation's addresses are those of a machine of one's own.
    pub(crate) fn here(&self, text: &str) -> String {
        let text = text.to_owned();
        self.here.iter().fold(text, |text, (there, here)| text.replace(there, here))
    }
}

/// This port, or one that is free; no two tests get the same, also where the first has not begun to listen.
pub(crate) fn free(port: u16) -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let listen = |port| TcpListener::bind(("127.0.0.1", port));
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wanted = if taken.contains(&port) { 0 } else { port };
    loop {
        let listener = listen(wanted).or_else(|_| listen(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if taken.insert(port) {
            return port;
        }
        wanted = 0;
    }
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
