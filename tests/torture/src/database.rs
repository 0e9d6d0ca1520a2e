//! A PostgreSQL under the API, killed and started again.

use crate::place::{root, script};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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

    /// `kill -9` of the server and all that serve its connections.
    pub(crate) fn kill(&self) -> Result<()> {
        let home = std::fs::read_to_string(self.dir.join("postgres.home"))?;
        let pid = std::fs::read_to_string(Path::new(home.trim()).join("data/postmaster.pid"))?;
        let pid = pid.lines().next().context("postmaster.pid is empty")?;
        let all = Command::new("pgrep").args(["-P", pid]).output()?;
        let all = String::from_utf8_lossy(&all.stdout).into_owned();
        // Of those some may have ended by now.
        Command::new("kill").args(["-9", pid]).args(all.split_whitespace()).output()?;
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
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Ok(())
    }

    fn args(&self, what: &str) -> [String; 3] {
        [what.to_owned(), "--dir".to_owned(), self.dir.display().to_string()]
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.await_it().ok();
        script("scripts/databases", &self.args("remove")).ok();
    }
}
