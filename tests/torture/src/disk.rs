//! A small disk of its own for the broker and the API, which can be full.

use anyhow::{Result, ensure};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// More than a round writes; in memory, as what fills it.
const SIZE: &str = "size=1g";

/// Unmounted when dropped; what is on it is then where it was mounted.
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
}

impl Disk {
    /// Mounts it, which only root may.
    pub(crate) fn mount(dir: &Path) -> Result<Disk> {
        let path = dir.join("disk");
        std::fs::create_dir_all(&path)?;
        let mount = ["-t", "tmpfs", "-o", SIZE, "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&path).output()?;
        let why = String::from_utf8_lossy(&mounted.stderr);
        ensure!(mounted.status.success(), "--full-disk mounts a disk, as root: {}", why.trim());
        Ok(Disk { path })
    }

    /// Unmounts what was left.
    pub(crate) fn clear(dir: &Path) {
        let path = dir.join("disk");
        if path.exists() {
            // It is none, mostly, and that is fine.
            Command::new("umount").arg(path).output().ok();
        }
    }

    /// Nothing more can be written to it.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.ballast())?;
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            match ballast.write_all(&piece) {
                Ok(()) => {}
                // What is left is less than that.
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    piece.truncate(piece.len() / 2);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.ballast()).ok();
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.free();
        let kept = self.path.with_extension("kept");
        Command::new("cp").arg("-a").args([&self.path, &kept]).status().ok();
        Command::new("umount").arg(&self.path).status().ok();
        std::fs::remove_dir(&self.path).ok();
        std::fs::rename(kept, &self.path).ok();
    }
}
