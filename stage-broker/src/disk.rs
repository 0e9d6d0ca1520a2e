//! Whether the disk takes what is forced onto it. What it failed to take the system may forget, and
//! the next try then succeeds for nothing. So the first failure counts until the next start, which
//! reads the files again.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All that is forced goes through here, from whichever thread.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<State>);

#[derive(Default)]
struct State {
    turn: Mutex<()>,
    failed: AtomicBool,
}

impl Disk {
    /// Returns when all that was written to a file is on the disk; blocks.
    pub(crate) fn force(&self, file: &File) -> io::Result<()> {
        // One at a time: the system tells of a failure once, and nobody may miss it.
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        file.sync_data().inspect_err(|error| {
            self.fail();
            tracing::error!(
                %error,
                "the disk did not take what was written: nothing more is stored until the broker \
                 is started again; what is there can be read"
            );
        })
    }

    /// The same for what was made or renamed in a directory: a file whose name is lost is lost too.
    pub(crate) fn force_entries(&self, directory: &Path) -> io::Result<()> {
        match File::open(directory) {
            // With its topic.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(opened) => self.force(&opened),
            Err(error) => {
                self.fail();
                tracing::error!(
                    %error,
                    ?directory,
                    "a directory could not be forced to the disk: nothing more is stored until the \
                     broker is started again; what is there can be read"
                );
                Err(error)
            }
        }
    }

    /// Nothing may be stored any more.
    pub(crate) fn fail(&self) {
        self.0.failed.store(true, Ordering::SeqCst);
    }

    /// Whether anything may still be stored.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.0.failed.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk failed earlier; start the broker again"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dir, unforceable};

    #[test]
    fn after_a_failure_nothing_is_forced_any_more() {
        let dir = Dir::new();
        let file = File::create(dir.path().join("file")).unwrap();
        let disk = Disk::default();
        assert!(disk.force(&file).is_ok() && disk.check().is_ok());
        assert!(disk.force(&unforceable()).is_err());
        assert!(disk.clone().force(&file).is_err() && disk.check().is_err());
        let disk = Disk::default();
        assert!(disk.force(&file).is_ok() && disk.force_entries(dir.path()).is_ok());
        assert!(disk.force_entries(&dir.path().join("gone")).is_ok());
        assert!(
            disk.force_entries(&dir.path().join("file/within")).is_err() && disk.check().is_err()
        );
    }
}
