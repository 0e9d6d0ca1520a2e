//! Where the programs are that it runs.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A program of this workspace, built beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let path = here.parent().context("a program in no directory")?.join(name);
    ensure!(path.exists(), "{} is not built: start this with scripts/torture", path.display());
    Ok(path)
}

/// Runs something of the project to its end; gives what it prints.
pub(crate) fn script(name: &str, args: &[String]) -> Result<String> {
    let output = Command::new(root().join(name))
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!("{name} {args:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
