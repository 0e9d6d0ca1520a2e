//! The one node: everything the broker knows, owned by one thread.

use crate::chores::Chores;
use crate::config::Config;
use crate::flush::Flush;
use crate::groups;
use crate::log::checkpoint::Draft;
use crate::log::place::Place;
use crate::owner::Owner;
use crate::settings;
use crate::store::{Changes, Key, Store};
use crate::time::Alarm;
use crate::topics::Topics;
use crate::transactions;
use kafka_protocol::error::ResponseError;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The node's number.
pub(crate) const NODE: i32 = 1;

/// Everything the broker knows.
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) cluster: String,
    /// The broker's settings that it was started with.
    given: BTreeMap<String, String>,
    /// The same, and those that were changed since.
    pub(crate) settings: RefCell<BTreeMap<String, String>>,
    pub(crate) store: RefCell<Store>,
    pub(crate) topics: RefCell<Topics>,
    pub(crate) groups: groups::Desk,
    pub(crate) transactions: transactions::Desk,
    pub(crate) alarm: Alarm,
    pub(crate) flush: Rc<Flush>,
    pub(crate) chores: Chores,
    /// When it was opened, by the clock that can be set and by the one that cannot.
    opened: (Duration, Instant),
    /// Given up last, when everything is written.
    _owner: Option<Owner>,
}

impl Node {
    /// Reads what is known at a place.
    pub(crate) fn open(config: &Config, place: Place, owner: Option<Owner>) -> io::Result<Node> {
        let mut store = Store::open(place.clone())?;
        let cluster = match store.get(&Key::Cluster) {
            Some(id) => id,
            None => {
                let id = crate::cluster_id();
                store.put(Key::Cluster, &id)?;
                id
            }
        };
        let mut settings = config.settings.clone();
        settings.extend(store.get::<BTreeMap<String, String>>(&Key::Broker).unwrap_or_default());
        let node = Node {
            place,
            cluster,
            given: config.settings.clone(),
            settings: RefCell::new(settings),
            store: RefCell::new(store),
            topics: RefCell::default(),
            groups: groups::Desk::new(),
            transactions: transactions::Desk::new(),
            alarm: Alarm::default(),
            flush: Flush::new(config.fsync),
            chores: Chores::start()?,
            opened: (clock(), Instant::now()),
            _owner: owner,
        };
        // Of what a killed process wrote, some may not have reached the disk: nobody is told that it
        // is there before it has. The same goes for the logs.
        node.flush.mark_found(node.store.borrow().file(), 0)?;
        if let Place::Disk(root) = &node.place {
            node.flush.mark_directory(root);
        }
        node.open_topics()?;
        node.open_groups();
        Ok(node)
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        clock().as_millis() as i64
    }

    /// The same for deadlines: it passes evenly, also when the clock is set.
    pub(crate) fn steady_now(&self) -> i64 {
        (self.opened.0 + self.opened.1.elapsed()).as_millis() as i64
    }

    /// One of the broker's settings.
    pub(crate) fn setting(&self, name: &str) -> String {
        let given = self.settings.borrow().get(name).cloned();
        given.or_else(|| Some(settings::broker(name)?.default.to_owned())).unwrap_or_default()
    }

    /// One of the broker's settings that is a number.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.setting(name).trim().parse().unwrap_or(0)
    }

    /// One of the broker's settings that is a size.
    pub(crate) fn size(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(0)
    }

    /// One of the broker's settings that is true or false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.setting(name).eq_ignore_ascii_case("true")
    }

    /// Other settings than were changed so far; topics that have none of their own follow.
    pub(crate) fn configure_broker(&self, configs: BTreeMap<String, String>) -> io::Result<()> {
        let mut changes = Changes::default();
        changes.put(Key::Broker, &configs)?;
        let before: BTreeMap<String, String> =
            self.store.borrow().get(&Key::Broker).unwrap_or_default();
        self.remember(changes)?;
        let mut settings = self.settings.borrow_mut();
        for name in before.keys() {
            match self.given.get(name) {
                Some(value) => settings.insert(name.clone(), value.clone()),
                None => settings.remove(name),
            };
        }
        settings.extend(configs);
        drop(settings);
        let topics: Vec<_> = self.topics.borrow().iter().cloned().collect();
        topics.iter().try_for_each(|topic| self.configure_topic(topic, topic.configs.clone()))
    }

    /// Writes changes down; they may be acknowledged once [`Flush::settled`] says so.
    pub(crate) fn remember(&self, changes: Changes) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.flush.check()?;
        let mut store = self.store.borrow_mut();
        let before = store.file();
        store.write(changes).inspect_err(|error| {
            tracing::error!(%error, "the disk did not take what is to be remembered; it did not happen");
        })?;
        if let (false, Place::Disk(root)) = (Arc::ptr_eq(&before, &store.file()), &self.place) {
            self.flush.mark_directory(root);
        }
        self.flush.mark(store.file());
        Ok(())
    }

    /// A file was made there: its name counts when all on the way to it do.
    pub(crate) fn mark_grown(&self, directory: &Path) {
        let Place::Disk(root) = &self.place else { return };
        let way = directory.ancestors().take_while(|path| path.starts_with(root));
        way.for_each(|path| self.flush.mark_directory(path));
    }

    /// Returns when all that was written so far may be acknowledged.
    pub(crate) async fn settled(&self) -> Result<(), ResponseError> {
        self.flush.settled().await.map_err(|_| ResponseError::CoordinatorNotAvailable)
    }

    /// Has a checkpoint written.
    pub(crate) fn save(&self, draft: Option<Draft>) {
        let Some(draft) = draft else { return };
        let disk = self.flush.disk();
        self.chores.add(move || {
            if let Err(error) = draft.write(disk.as_ref()) {
                tracing::warn!(%error, "a checkpoint was not written; a start will take longer");
            }
        });
    }

    /// Writes down what makes the next start quick; blocks.
    pub(crate) fn close(&self) {
        for topic in self.topics.borrow().iter() {
            for partition in &topic.partitions {
                let mut log = partition.log.borrow_mut();
                if log.is_unsaved() {
                    self.save(log.draft());
                }
            }
        }
        self.flush.finish();
    }
}

/// The time since 1970, by the clock that can be set.
fn clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
