//! Where a log's files are: in a directory, or nowhere. Files that are nowhere have no name from
//! the moment they are made, so nothing is left behind however the process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A directory, or nowhere.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Files with names.
    Disk(PathBuf),
    /// Nameless files in the system's directory for temporary ones.
    Nowhere,
}

impl Place {
    /// A place inside this one; its directory is made.
    pub(crate) fn inside(&self, name: &str) -> io::Result<Place> {
        match self {
            Place::Nowhere => Ok(Place::Nowhere),
            Place::Disk(dir) => {
                let dir = dir.join(name);
                std::fs::create_dir_all(&dir)?;
                Ok(Place::Disk(dir))
            }
        }
    }

    /// A file's path, if files have names here.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        match self {
            Place::Disk(dir) => Some(dir.join(name)),
            Place::Nowhere => None,
        }
    }

    /// Makes a file; an older one of that name is emptied.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match self {
            Place::Disk(dir) => options.create(true).truncate(true).open(dir.join(name)),
            Place::Nowhere => {
                let path = std::env::temp_dir().join(format!("stage-{}", uuid::Uuid::new_v4()));
                let file = options.create_new(true).open(&path)?;
                std::fs::remove_file(&path)?;
                Ok(file)
            }
        }
    }
}

/// Replaces a file whole: after a crash it is the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    use std::io::Write;
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    drop(file);
    std::fs::rename(&draft, path)?;
    if sync && let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};

    #[test]
    fn a_file_that_is_nowhere_can_be_written_and_read() {
        let mut file = Place::Nowhere.create("a").unwrap();
        file.write_all(b"here").unwrap();
        file.rewind().unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "here");
        assert_eq!(Place::Nowhere.path("a"), None);
    }
}
