//! A PostgreSQL under the API, killed and started again.

use crate::place::{root, script};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Removed, with its data, when dropped.
pub(crate) struct Database {
    dir: PathBuf,
    pub(crate) url: String,
    /// What starts it again, while it does.
    starting: Option<Child>,
}

impl Database {
    pub(crate) fn start(dir: &Path) -> Result<Database> {
        let dir = dir.join("databases");
        let mut database = Database { dir, url: String::new(), starting: None };
        database.begin()?;
        database.await_it()?;
        let urls = script("scripts/databases", &database.args("urls"))?;
        let url = urls.lines().find(|url| url.starts_with("postgres:"));
        database.url = url.context("no PostgreSQL (Debian: apt-get install postgresql)")?.into();
        Ok(database)
    }

    /// Ends and removes what was left.
    pub(crate) fn clear(dir: &Path) {
        let dir = dir.join("databases");
        if dir.exists() {
            let args = ["remove", "--dir", &dir.display().to_string()].map(String::from);
            script("scripts/databases", &args).ok();
        }
    }

    /// `kill -9` of the server and all that serve its connections.
    pub(crate) fn kill(&self) -> Result<()> {
        let home = std::fs::read_to_string(self.dir.join("postgres.home"))?;
        let pid = std::fs::read_to_string(Path::new(home.trim()).join("data/postmaster.pid"))?;
        let pid = pid.lines().next().context("postmaster.pid is empty")?;
        // First it stands still, so that it makes no more of them.
        Command::new("kill").args(["-STOP", pid]).output()?;
        let all = Command::new("pgrep").args(["-P", pid]).output()?;
        let all = String::from_utf8_lossy(&all.stdout).into_owned();
        let all: Vec<&str> = all.split_whitespace().chain([pid]).collect();
        // Of those some may have ended by now.
        Command::new("kill").arg("-9").args(&all).output()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while all.iter().any(|pid| lives(pid)) {
            ensure!(Instant::now() < deadline, "PostgreSQL does not die: {all:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Begins to start it, if it does not run.
    pub(crate) fn begin(&mut self) -> Result<()> {
        let start = Command::new(root().join("scripts/databases"))
            .args(self.args("start"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.starting = Some(start);
        Ok(())
    }

    pub(crate) fn is_starting(&mut self) -> Result<bool> {
        let Some(start) = &mut self.starting else { return Ok(false) };
        let Some(status) = start.try_wait()? else { return Ok(true) };
        self.starting = None;
        // 3: another database, which is not asked for, is not installed.
        let fine = matches!(status.code(), Some(0 | 3));
        ensure!(fine, "scripts/databases start: {status}; see {}", self.dir.display());
        Ok(false)
    }

    /// Returns once it runs.
    pub(crate) fn await_it(&mut self) -> Result<()> {
        while self.is_starting()? {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn args(&self, what: &str) -> [String; 3] {
        [what.to_owned(), "--dir".to_owned(), self.dir.display().to_string()]
    }
}

/// Whether there is such a process, and not only its remains.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default();
    !state.is_empty() && !state.trim_start().starts_with('Z')
}

impl Drop for Database {
    fn drop(&mut self) {
        self.await_it().ok();
        script("scripts/databases", &self.args("remove")).ok();
    }
}
