//! Who a worker is, across restarts.
//!
//! One uuid per worker, kept in a slot file that the worker holds locked: it is the transactional
//! id, so that a restart in place fences its own zombie, and the group's static member id, so that
//! it has its partitions back at once. Never the host name and never the slot's number: two hosts
//! with equal ones would fence each other for ever.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A worker's identity. The slot is free again when this is dropped, also by a crash.
#[derive(Debug)]
pub(crate) struct Identity {
    uuid: Uuid,
    slot: Option<File>,
}

impl Identity {
    /// An identity for this run only.
    pub(crate) fn random() -> Identity {
        Identity { uuid: Uuid::new_v4(), slot: None }
    }

    /// Takes the first free slot of `group` in the state directory, making what is missing.
    ///
    /// # Errors
    /// The directory or file cannot be made, read or locked; the path is in the text.
    pub(crate) fn kept(directory: &Path, group: &str) -> io::Result<Identity> {
        let directory = directory.join(group);
        fs::create_dir_all(&directory).map_err(|error| named(error, &directory))?;
        for slot in 0.. {
            let path = directory.join(format!("worker-{slot}"));
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = file.map_err(|error| named(error, &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(named(error, &path)),
            }
            let mut text = String::new();
            let known = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            let mut identity = Identity { uuid: known.unwrap_or_default(), slot: Some(file) };
            if known.is_none() {
                identity.renew().map_err(|error| named(error, &path))?;
            }
            return Ok(identity);
        }
        unreachable_slots()
    }

    /// A new uuid in the same slot: for a worker that somebody with the same one keeps fencing.
    ///
    /// # Errors
    /// The slot file cannot be written.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        self.uuid = Uuid::new_v4();
        if let Some(file) = &mut self.slot {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(self.uuid.to_string().as_bytes())?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// The transactional id.
    pub(crate) fn transactional(&self, group: &str) -> String {
        format!("{group}.{}", self.uuid)
    }

    /// The static member id; none without a state directory, since nobody would come back as it.
    pub(crate) fn member(&self) -> Option<String> {
        self.slot.as_ref().map(|_| self.uuid.to_string())
    }
}

fn named(error: io::Error, path: &Path) -> io::Error {
    let path: PathBuf = path.into();
    let text = format!("{}: {error}; give a writable directory with --state-dir", path.display());
    io::Error::new(error.kind(), text)
}

fn unreachable_slots() -> io::Result<Identity> {
    Err(io::Error::other("no free worker slot"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_taken_once_and_found_again() {
        let directory = std::env::temp_dir().join(format!("slots-{}", Uuid::new_v4()));
        let first = Identity::kept(&directory, "g").unwrap();
        let second = Identity::kept(&directory, "g").unwrap();
        assert_ne!(first.member(), second.member());
        let known = first.transactional("g");
        drop(first);
        assert_eq!(Identity::kept(&directory, "g").unwrap().transactional("g"), known);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let text = Identity::kept(Path::new("/dev/null/x"), "g").unwrap_err().to_string();
        assert!(text.contains("/dev/null/x") && text.contains("--state-dir"), "{text}");
    }
}
