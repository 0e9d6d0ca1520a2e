//! A stage that is a program of its own, kept running.

use stage_sdk::StartError;
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often we look whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Before it is started again, the first time and at most; it doubles each time that it ends soon.
const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(10);

/// One that ran so long did not end soon.
const STEADY: Duration = Duration::from_secs(30);

/// It has so long to finish and leave its group, and is killed then.
const END: Duration = Duration::from_secs(10);

/// What stages exit with where they were told something wrong. One that has worked was not; the route map may have
/// changed since, and is the shop's when the shop is started again.
const TOLD_WRONG: i32 = 2;

/// A program that runs, or is about to again. Dropped, it is told to stop.
pub(super) struct Kept {
    /// Its end is the sign to stop.
    _tell: Sender<Infallible>,
    /// How often it has been started again.
    restarts: Arc<AtomicU64>,
    thread: Stopping,
}

/// One that is told to stop.
pub(super) struct Stopping(JoinHandle<Result<(), String>>);

impl Kept {
    /// Starts the program of this stage, with these variables (none: without them). Its input is a pipe, which ends
    /// when it is to stop, and when we are no more. It has a process group of its own, so that Ctrl-C is for us.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(
        stage: &str,
        program: &[String],
        told: Vec<(&'static str, Option<OsString>)>,
    ) -> Result<Kept, StartError> {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).stdin(Stdio::piped()).process_group(0);
        for (name, value) in told {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let cannot =
            |error| StartError::Runtime(format!("{:?} cannot be started: {error}", program[0]));
        let child = command.spawn().map_err(cannot)?;
        let ((_tell, stop), name) = (channel(), stage.to_owned());
        let restarts = Arc::<AtomicU64>::default();
        let again = restarts.clone();
        let keep = move || keep(&name, child, &mut command, &stop, &again);
        let thread = std::thread::Builder::new().name(stage.to_owned()).spawn(keep);
        let thread = thread.map_err(|error| StartError::Runtime(error.to_string()))?;
        Ok(Kept { _tell, restarts, thread: Stopping(thread) })
    }

    /// Whether it has ended, and is not started again.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.0.is_finished()
    }

    /// How often it has been started again.
    pub(super) fn restarts(&self) -> Arc<AtomicU64> {
        self.restarts.clone()
    }

    /// Tells it to stop; this returns at once.
    pub(super) fn stop(self) -> Stopping {
        self.thread
    }
}

impl Stopping {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// It ended other than as it was asked to.
    pub(super) fn wait(self) -> Result<(), String> {
        self.0.join().unwrap_or_else(|_| Err("the thread that keeps a program panicked".to_owned()))
    }
}

/// Starts it again whenever it ends, until nobody holds the other end of `stop`.
fn keep(
    stage: &str,
    child: Child,
    command: &mut Command,
    stop: &Receiver<Infallible>,
    again: &AtomicU64,
) -> Result<(), String> {
    let (mut child, mut pause, mut has_worked) = (Some(child), FIRST, false);
    loop {
        let begun = Instant::now();
        if let Some(running) = child.take() {
            let Some(status) = ended(running, stop, stage)? else { return Ok(()) };
            has_worked |= status.code() != Some(TOLD_WRONG) || begun.elapsed() > STEADY;
            if !has_worked {
                return Err(format!(
                    "stage {stage:?}: its program ended ({status}), as it was told something wrong; what it wrote says what"
                ));
            }
            tracing::warn!("stage {stage:?}: its program ended ({status}); it is started again");
        }
        if begun.elapsed() > STEADY {
            pause = FIRST;
        }
        if stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
        pause = (pause * 2).min(MOST);
        match command.spawn() {
            Ok(running) => {
                child = Some(running);
                again.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, "stage {stage:?}: its program cannot be started"),
        }
    }
}

/// How it ended by itself; none: it was told to, and has.
fn ended(
    mut child: Child,
    stop: &Receiver<Infallible>,
    stage: &str,
) -> Result<Option<ExitStatus>, String> {
    let lost = |error| format!("stage {stage:?}: its program cannot be watched: {error}");
    while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(Some(status));
        }
    }
    drop(child.stdin.take());
    let limit = Instant::now() + END;
    while Instant::now() < limit {
        match child.try_wait().map_err(lost)? {
            Some(status) if status.success() => return Ok(None),
            Some(status) => {
                return Err(format!("stage {stage:?}: told to stop, its program ended ({status})"));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    child.kill().and_then(|()| child.wait()).map_err(lost)?;
    Err(format!(
        "stage {stage:?}: told to stop, its program had not ended after {END:?} and was killed; nothing is lost"
    ))
}
