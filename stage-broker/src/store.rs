//! What the broker as a whole must remember: topics, offsets, groups, transactions. A map that is
//! written down change by change, each with a checksum, before anybody is told.

mod file;

pub(crate) mod key;

pub(crate) use key::Key;

use crate::log::place::Place;
use file::StateFile;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// The file is written anew when it is larger than this, and most of it is history.
const HISTORY: u64 = 4 << 20;

/// Changes that take effect all or none.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<(Key, Option<Box<str>>)>);

impl Changes {
    /// Remembers `value` under `key`.
    pub(crate) fn put(&mut self, key: Key, value: &impl Serialize) -> io::Result<()> {
        self.0.push((key, Some(serde_json::to_string(value)?.into_boxed_str())));
        Ok(())
    }

    /// Forgets what is under `key`.
    pub(crate) fn forget(&mut self, key: Key) {
        self.0.push((key, None));
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The map, and its file.
#[derive(Debug)]
pub(crate) struct Store {
    place: Place,
    file: StateFile,
    live: BTreeMap<Key, Box<str>>,
    live_bytes: u64,
    /// For tests: nothing can be written.
    #[cfg(test)]
    pub(crate) broken: bool,
}

impl Store {
    /// Reads what was remembered at a place. A torn last change did not happen.
    pub(crate) fn open(place: Place) -> io::Result<Store> {
        let (file, changes) = StateFile::open(&place)?;
        let mut store = Store {
            place,
            file,
            live: BTreeMap::new(),
            live_bytes: 0,
            #[cfg(test)]
            broken: false,
        };
        for changes in changes {
            store.apply(changes);
        }
        Ok(store)
    }

    /// Writes changes down. After an error none of them happened.
    pub(crate) fn write(&mut self, changes: Changes) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        if self.broken {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.append(&changes.0)?;
        self.apply(changes.0);
        if self.file.size > HISTORY
            && self.file.size > 4 * self.live_bytes
            && let Err(error) = self.rewrite()
        {
            // The changes are written all the same.
            tracing::warn!(%error, "the state file keeps its history for now");
        }
        Ok(())
    }

    /// Writes one value down.
    pub(crate) fn put(&mut self, key: Key, value: &impl Serialize) -> io::Result<()> {
        let mut changes = Changes::default();
        changes.put(key, value)?;
        self.write(changes)
    }

    /// What is under a key.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        self.live.get(key).and_then(|json| read(key, json))
    }

    /// Every key and its value, as text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &str)> {
        self.live.iter().map(|(key, json)| (key, &**json))
    }

    /// The file that grows.
    pub(crate) fn file(&self) -> Arc<File> {
        self.file.file()
    }

    fn apply(&mut self, changes: Vec<(Key, Option<Box<str>>)>) {
        const KEY: u64 = 60; // about
        for (key, value) in changes {
            let more = value.as_ref().map_or(0, |json| json.len() as u64 + KEY);
            let old = match value {
                Some(json) => self.live.insert(key, json),
                None => self.live.remove(&key),
            };
            let less = old.map_or(0, |json| json.len() as u64 + KEY);
            self.live_bytes = (self.live_bytes + more).saturating_sub(less);
        }
    }

    /// Begins the file anew with what is alive.
    fn rewrite(&mut self) -> io::Result<()> {
        let all = self.live.iter().map(|(key, json)| (key, Some(json)));
        self.file = StateFile::rewrite(&self.place, all)?;
        Ok(())
    }
}

/// A value from its text; one that cannot be read is as good as none, and is named in the log.
pub(crate) fn read<T: DeserializeOwned>(key: &Key, json: &str) -> Option<T> {
    serde_json::from_str(json)
        .inspect_err(|error| tracing::error!(?key, %error, "remembered state cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dir;

    fn store(dir: &Dir) -> Store {
        Store::open(Place::Disk(dir.path().to_path_buf())).unwrap()
    }

    #[test]
    fn what_was_written_is_there_again_and_what_was_forgotten_is_not() {
        let dir = Dir::new();
        let mut first = store(&dir);
        first.put(Key::Cluster, &"abc").unwrap();
        first.put(Key::ProducerIds, &7).unwrap();
        let mut changes = Changes::default();
        changes.forget(Key::Cluster);
        first.write(changes).unwrap();
        drop(first);
        let again = store(&dir);
        assert_eq!(again.get::<String>(&Key::Cluster), None);
        assert_eq!(again.get::<i64>(&Key::ProducerIds), Some(7));
    }

    #[test]
    fn changes_cut_anywhere_happen_whole_or_not_at_all() {
        let dir = Dir::new();
        let mut first = store(&dir);
        for number in 0..3 {
            let mut changes = Changes::default();
            changes.put(Key::ProducerIds, &number).unwrap();
            changes.put(Key::Cluster, &format!("{number}")).unwrap();
            first.write(changes).unwrap();
        }
        drop(first);
        let path = dir.path().join("state");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let cut = store(&dir);
            let number: Option<i64> = cut.get(&Key::ProducerIds);
            assert_eq!(cut.get::<String>(&Key::Cluster), number.map(|n| n.to_string()), "{length}");
            assert_ne!(number, Some(2));
        }
    }

    #[test]
    fn history_is_dropped_and_the_rest_stays() {
        let dir = Dir::new();
        let mut first = store(&dir);
        first.put(Key::Cluster, &"abc").unwrap();
        let long = "x".repeat(10_000);
        for _ in 0..1_000 {
            first.put(Key::Group("g".into()), &long).unwrap();
        }
        assert!(std::fs::metadata(dir.path().join("state")).unwrap().len() < 2 * HISTORY);
        drop(first);
        let again = store(&dir);
        assert_eq!(again.get::<String>(&Key::Cluster), Some("abc".to_owned()));
        assert_eq!(again.get::<String>(&Key::Group("g".into())), Some(long));
    }
}
