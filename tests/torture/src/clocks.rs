//! The clocks of our processes, each of which may be set wrong.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c");

pub(crate) struct Clocks {
    library: PathBuf,
    dir: PathBuf,
    /// Who has one.
    names: Vec<String>,
}

impl Clocks {
    /// Compiles what is preloaded.
    pub(crate) fn make(dir: &Path) -> Result<Clocks> {
        let dir = dir.join("clocks");
        std::fs::create_dir_all(&dir)?;
        let library = dir.join("clock.so");
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(SOURCE)
            .status()
            .context("--clocks needs a C compiler, cc")?;
        ensure!(compiled.success(), "cc {SOURCE}: {compiled}");
        Ok(Clocks { library, dir, names: Vec::new() })
    }

    /// What a process is started with so that its clock is ours.
    pub(crate) fn environment(&mut self, name: &str) -> Result<Vec<(&'static str, String)>> {
        let file = self.dir.join(name);
        std::fs::write(&file, 0i64.to_ne_bytes())?;
        self.names.push(name.to_owned());
        let text = |path: &Path| path.display().to_string();
        Ok(vec![("LD_PRELOAD", text(&self.library)), ("TORTURE_CLOCK", text(&file))])
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// From now on its clock is ahead by so much, or behind.
    pub(crate) fn set(&self, name: &str, by: Duration, ahead: bool) -> Result<()> {
        let wrong = by.as_nanos() as i64 * if ahead { 1 } else { -1 };
        // In place: the process has the file mapped.
        let mut file = std::fs::File::options().write(true).open(self.dir.join(name))?;
        std::io::Write::write_all(&mut file, &wrong.to_ne_bytes())?;
        Ok(())
    }
}
