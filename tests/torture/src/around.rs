//! What a round is given besides the brokers, so that it can be hurt as well: a database under the API, a disk
//! that can be full, clocks that can be wrong.

use crate::Options;
use crate::clocks::Clocks;
use crate::database::Database;
use crate::disk::Disk;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What a process is started with.
pub(crate) type Environment = Vec<(&'static str, String)>;

pub(crate) struct Around {
    dir: PathBuf,
    pub(crate) database: Option<Database>,
    pub(crate) disk: Option<Disk>,
    pub(crate) clocks: Option<Clocks>,
}

/// Ends what a run left that could not end it.
pub(crate) fn clear(dir: &Path) {
    Disk::clear(dir);
    Database::clear(dir);
}

impl Around {
    pub(crate) fn lay(options: &Options, dir: &Path) -> Result<Around> {
        Ok(Around {
            dir: dir.to_owned(),
            database: options.postgres.then(|| Database::start(dir)).transpose()?,
            disk: options.full_disk.then(|| Disk::mount(dir)).transpose()?,
            clocks: options.clocks.then(|| Clocks::make(dir)).transpose()?,
        })
    }

    /// Where the broker and the API have their data.
    pub(crate) fn data(&self, of: &str) -> PathBuf {
        self.disk.as_ref().map_or(&self.dir, |disk| &disk.path).join(of)
    }

    /// What a process of ours is started with.
    pub(crate) fn environment(&mut self, name: &str) -> Result<Environment> {
        let mut all = Environment::new();
        if let (Some(database), "api") = (&self.database, name) {
            all.push(("DATABASE_URL", database.url.clone()));
        }
        if let Some(clocks) = &mut self.clocks {
            all.extend(clocks.environment(name)?);
        }
        Ok(all)
    }
}
