//! One process, in whatever state it is, and what it may be put through.

use crate::around::Environment;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long one may take to end after SIGTERM: promise 9.
const STOP: Duration = Duration::from_secs(10);

const SIGTERM: i32 = 15;

/// What a stage says each time that it lost its identity to another member, and goes on.
const FENCED: &str = "this worker begins anew";

/// A place in the crew, and who fills it.
pub(crate) struct Process {
    pub(crate) name: String,
    program: PathBuf,
    args: Vec<String>,
    environment: Environment,
    log: PathBuf,
    state: State,
    pub(crate) most: Most,
}

/// Whether nothing else is done to a process meanwhile.
pub(crate) type Calm = bool;

/// Whether it was far enough to catch SIGTERM: before that it ends of it, and had begun nothing.
type Listens = bool;

enum State {
    Up(Child),
    /// It gets no time until then.
    Frozen(Child, Instant),
    /// It was asked to end, and should have done so by then; with a network and brokers that work it has
    /// finished what it had.
    Leaving(Child, Instant, Calm, Listens),
    /// To be started then.
    Down(Instant),
    /// Nobody is to fill the place.
    Away,
}

/// The most it has used, over all who filled the place.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Most {
    pub(crate) memory_kib: u64,
    pub(crate) files: u64,
}

/// What a process uses at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) memory_kib: u64,
    pub(crate) files: u64,
}

impl Process {
    pub(crate) fn new(
        name: String,
        program: PathBuf,
        args: Vec<String>,
        environment: Environment,
        log: PathBuf,
    ) -> Process {
        let state = State::Down(Instant::now());
        Process { name, program, args, environment, log, state, most: Most::default() }
    }

    /// How often another took its identity, by its log.
    pub(crate) fn fenced(&self) -> Result<usize> {
        let log = std::fs::read(&self.log)?;
        Ok(String::from_utf8_lossy(&log).matches(FENCED).count())
    }

    /// Starts, wakes and looks after it, as is due. What it did of itself that it should not comes back.
    pub(crate) fn tick(&mut self, now: Instant) -> Result<Option<String>> {
        let name = &self.name;
        match &mut self.state {
            State::Up(child) => match child.try_wait()? {
                Some(status) => {
                    let trouble = format!("{name} ended by itself: {status}");
                    self.state = State::Down(now);
                    return Ok(Some(trouble));
                }
                None => self.most.look(child.id()),
            },
            State::Leaving(child, until, calm, listens) => match child.try_wait()? {
                Some(status) => {
                    let trouble = format!("{name} ended with {status} when stopped");
                    // It may have had to leave something to the next owner, and said so.
                    let fine = status.success()
                        || (!*calm && status.code() == Some(1))
                        || (!*listens && status.signal() == Some(SIGTERM));
                    self.state = State::Away;
                    return Ok(Some(trouble).filter(|_| !fine));
                }
                None if *until <= now => {
                    let trouble = format!("{name} had not ended {STOP:?} after SIGTERM");
                    child.kill()?;
                    child.wait()?;
                    self.state = State::Away;
                    return Ok(Some(trouble));
                }
                None => {}
            },
            State::Frozen(_, until) if *until <= now => self.wake()?,
            State::Down(at) if *at <= now => self.start()?,
            _ => {}
        }
        Ok(None)
    }

    fn start(&mut self) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).env("RUST_BACKTRACE", "0").env("STAGE_LOG", "info");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        self.state = State::Up(child);
        Ok(())
    }

    /// `kill -9`; it is started again `after` that. Whether there was one to kill.
    pub(crate) fn kill(&mut self, after: Duration) -> Result<bool> {
        let (State::Up(child) | State::Frozen(child, _) | State::Leaving(child, ..)) =
            &mut self.state
        else {
            return Ok(false);
        };
        child.kill()?;
        child.wait()?;
        self.state = State::Down(Instant::now() + after);
        Ok(true)
    }

    /// It stands still for so long.
    pub(crate) fn freeze(&mut self, time: Duration) -> Result<bool> {
        match std::mem::replace(&mut self.state, State::Away) {
            State::Up(child) => {
                signal(&child, "-STOP")?;
                self.state = State::Frozen(child, Instant::now() + time);
                Ok(true)
            }
            other => {
                self.state = other;
                Ok(false)
            }
        }
    }

    pub(crate) fn wake(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Away) {
            State::Frozen(child, _) => {
                signal(&child, "-CONT")?;
                self.state = State::Up(child);
            }
            other => self.state = other,
        }
        Ok(())
    }

    /// Nobody starts it until [`Process::come`].
    pub(crate) fn stays_down(&mut self) {
        if let State::Down(_) = self.state {
            self.state = State::Away;
        }
    }

    pub(crate) fn come(&mut self) {
        if let State::Away = self.state {
            self.state = State::Down(Instant::now());
        }
    }

    /// SIGTERM; the place stays empty until [`Process::come`].
    pub(crate) fn leave(&mut self, calm: Calm) -> Result<()> {
        self.wake()?;
        match std::mem::replace(&mut self.state, State::Away) {
            State::Up(child) => {
                let listens = listens(child.id());
                signal(&child, "-TERM")?;
                self.state = State::Leaving(child, Instant::now() + STOP, calm, listens);
            }
            leaving @ State::Leaving(..) => self.state = leaving,
            _ => {}
        }
        Ok(())
    }

    /// None unless it runs.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if let State::Up(child) = &self.state { Some(Usage::of(child.id())) } else { None }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    pub(crate) fn is_away(&self) -> bool {
        matches!(self.state, State::Away)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let State::Up(child) | State::Frozen(child, _) | State::Leaving(child, ..) =
            &mut self.state
        {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Most {
    /// A process that just ended has nothing to show.
    fn look(&mut self, pid: u32) {
        let memory_kib = memory(pid, "VmHWM:");
        self.memory_kib = self.memory_kib.max(memory_kib);
        self.files = self.files.max(files(pid));
    }
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Usage {
        Usage { memory_kib: memory(pid, "VmRSS:"), files: files(pid) }
    }
}

fn memory(pid: u32, which: &str) -> u64 {
    let text = status(pid, which);
    text.and_then(|text| text.trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Whether it catches SIGTERM by now: "SigCgt" of proc_pid_status(5) is a mask, its lowest bit is signal 1.
fn listens(pid: u32) -> Listens {
    let mask = status(pid, "SigCgt:").and_then(|text| u64::from_str_radix(&text, 16).ok());
    mask.is_some_and(|mask| mask & (1 << (SIGTERM - 1)) != 0)
}

fn status(pid: u32, which: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    Some(line.trim().to_owned())
}

fn files(pid: u32) -> u64 {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |files| files.count()) as u64
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let pid = child.id().to_string();
    ensure!(Command::new("kill").args([name, &pid]).status()?.success(), "kill {name} {pid}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(script: &str) -> Process {
        let args = ["-c", script].map(str::to_owned).to_vec();
        let log = std::env::temp_dir().join(format!("process-{}", std::process::id()));
        let mut process =
            Process::new("sauce-1".into(), "/bin/sh".into(), args, Environment::default(), log);
        process.tick(Instant::now()).unwrap();
        process
    }

    fn ended(process: &mut Process) -> Option<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !process.is_away() {
            if let Some(trouble) = process.tick(Instant::now()).unwrap() {
                return Some(trouble);
            }
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    #[test]
    fn sigterm_may_end_only_what_does_not_catch_it_yet() {
        let mut starting = process("exec sleep 100");
        starting.leave(true).unwrap();
        assert_eq!(None, ended(&mut starting));

        let mut listening =
            process("trap 'trap - TERM; kill $$' TERM; while :; do sleep 0.01; done");
        let State::Up(child) = &listening.state else { panic!("it runs") };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !listens(child.id()) {
            assert!(Instant::now() < deadline, "it never listens");
        }
        listening.leave(true).unwrap();
        let trouble = ended(&mut listening).unwrap();
        assert!(trouble.contains("signal: 15"), "{trouble}");
    }
}
