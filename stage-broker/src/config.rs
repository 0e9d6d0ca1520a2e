//! How a broker is set up.

use crate::settings;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// When what was written is forced to the disk. What was acknowledged survives the end of the
/// process always; this is about the end of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Fsync {
    /// Before it is acknowledged; what waits shares one.
    Always,
    /// Every second.
    #[default]
    Interval,
    /// When the system likes.
    Never,
}

/// Where a broker keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In this directory, which no other broker may use at the same time.
    Directory(PathBuf),
    /// In nameless temporary files: gone when the broker stops, or is stopped.
    Memory,
}

/// How a broker is set up. [`Config::memory`] and [`Config::directory`] give one to begin with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens: `HOST:PORT`; port 0 is any free one. Only loopback is safe, since there is
    /// no authentication.
    pub listen: String,
    /// Where it keeps its data.
    pub storage: Storage,
    /// When it forces data to the disk.
    pub fsync: Fsync,
    /// Kafka's own broker settings by name, as `-c name=value` takes them.
    pub settings: BTreeMap<String, String>,
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(pub(crate) String);

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

impl Config {
    /// A broker on a free port of loopback that keeps nothing.
    pub fn memory() -> Config {
        Config {
            listen: "127.0.0.1:0".to_owned(),
            storage: Storage::Memory,
            fsync: Fsync::Never,
            settings: BTreeMap::new(),
        }
    }

    /// A broker on a free port of loopback that keeps its data in a directory.
    pub fn directory(path: impl Into<PathBuf>) -> Config {
        let storage = Storage::Directory(path.into());
        Config { storage, fsync: Fsync::default(), ..Config::memory() }
    }

    /// Listens here instead.
    pub fn listen(mut self, address: impl Into<String>) -> Config {
        self.listen = address.into();
        self
    }

    /// Forces data to the disk like this instead.
    pub fn fsync(mut self, fsync: Fsync) -> Config {
        self.fsync = fsync;
        self
    }

    /// Sets one of Kafka's broker settings.
    ///
    /// # Errors
    /// There is no such setting here, or it does not take this value.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Result<Config, SettingError> {
        let value = value.into();
        let known = settings::broker(name).ok_or_else(|| {
            SettingError(format!("{name} is no setting of this broker. Known are: {}", all_names()))
        })?;
        known.check(&value).map_err(SettingError)?;
        self.settings.insert(name.to_owned(), value);
        Ok(self)
    }
}

fn all_names() -> String {
    let of_topics = settings::TOPIC.iter().map(|known| known.broker);
    let mut names: Vec<_> =
        settings::BROKER.iter().map(|known| known.name).chain(of_topics).collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_checked_by_name_and_value() {
        assert!(Config::memory().set("log.retention.ms", "1000").is_ok());
        let unknown = Config::memory().set("log.retention.sm", "1000").unwrap_err();
        assert!(unknown.to_string().contains("log.retention.ms"));
        assert!(Config::memory().set("num.partitions", "0").is_err());
    }
}
