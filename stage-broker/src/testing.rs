//! What unit tests share: a directory that goes away.

use std::path::{Path, PathBuf};

/// A directory of one test, removed at its end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        let dir = std::env::temp_dir().join(format!("stage-broker-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).expect("a directory can be made");
        Dir(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
