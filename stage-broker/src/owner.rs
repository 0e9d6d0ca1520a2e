//! One broker per directory: a lock that ends with its process, and says whose it is.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The directory is ours as long as this lives.
#[derive(Debug)]
pub(crate) struct Owner(#[allow(dead_code, reason = "closing the file unlocks it")] File);

/// Why a directory is not ours.
#[derive(Debug)]
pub(crate) enum Refused {
    /// This process has it, if its id can be read.
    Taken(Option<u32>),
    /// It cannot be used.
    Io(io::Error),
}

impl Owner {
    /// Makes a directory ours.
    pub(crate) fn of(directory: &Path) -> Result<Owner, Refused> {
        std::fs::create_dir_all(directory).map_err(Refused::Io)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(directory.join("lock")).map_err(Refused::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(20).read_to_string(&mut text);
                return Err(Refused::Taken(text.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(Refused::Io(error)),
        }
        let mut sign = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        sign().map_err(Refused::Io)?;
        Ok(Owner(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dir;

    #[test]
    fn a_directory_has_one_owner_who_is_named() {
        let dir = Dir::new();
        let first = Owner::of(dir.path()).unwrap();
        let Err(Refused::Taken(pid)) = Owner::of(dir.path()) else { panic!("two owners") };
        assert_eq!(pid, Some(std::process::id()));
        drop(first);
        assert!(Owner::of(dir.path()).is_ok());
    }
}
