//! All topics: found by name or id, made, changed, deleted; each change is remembered first.

use crate::log::Log;
use crate::node::Node;
use crate::partition::Partition;
use crate::store::{Changes, Key};
use crate::topic::{Remembered, Rules, Topic};
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use uuid::Uuid;

/// All topics.
#[derive(Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<TopicName, Rc<Topic>>,
    by_id: FxHashMap<Uuid, TopicName>,
}

impl Topics {
    pub(crate) fn get(&self, name: &TopicName) -> Option<Rc<Topic>> {
        self.by_name.get(name).cloned()
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<Rc<Topic>> {
        self.by_id.get(&id).and_then(|name| self.get(name))
    }

    /// A topic's partition, if there is one of that number.
    pub(crate) fn partition(&self, name: &TopicName, index: i32) -> Option<Rc<Partition>> {
        let topic = self.by_name.get(name)?;
        topic.partitions.get(usize::try_from(index).ok()?).cloned()
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rc<Topic>> {
        self.by_name.values()
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> usize {
        self.iter().map(|topic| topic.partitions.len()).sum()
    }

    pub(crate) fn insert(&mut self, topic: Topic) -> Rc<Topic> {
        let topic = Rc::new(topic);
        self.by_id.insert(topic.id, topic.name.clone());
        self.by_name.insert(topic.name.clone(), Rc::clone(&topic));
        topic
    }

    fn remove(&mut self, topic: &Topic) {
        self.by_id.remove(&topic.id);
        self.by_name.remove(&topic.name);
    }
}

impl Node {
    /// Makes a topic; its name, settings and number of partitions were checked.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: BTreeMap<String, String>,
    ) -> io::Result<Rc<Topic>> {
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        let rules = Rules::new(&configs, &self.settings.borrow());
        let mut topic = Topic { name, id: Uuid::new_v4(), configs, rules, partitions: Vec::new() };
        let made = self.open_partitions(&mut topic, partitions);
        if let Err(error) = made.and_then(|()| self.remember_topic(&topic)) {
            self.remove_files(&topic);
            return Err(error);
        }
        Ok(self.topics.borrow_mut().insert(topic))
    }

    /// A topic with more partitions than it had.
    pub(crate) fn grow_topic(&self, topic: &Topic, partitions: i32) -> io::Result<()> {
        let mut grown = topic.clone();
        self.open_partitions(&mut grown, partitions)?;
        self.remember_topic(&grown)?;
        self.topics.borrow_mut().insert(grown);
        Ok(())
    }

    /// A topic with other settings than it had.
    pub(crate) fn configure_topic(
        &self,
        topic: &Topic,
        configs: BTreeMap<String, String>,
    ) -> io::Result<()> {
        let rules = Rules::new(&configs, &self.settings.borrow());
        let changed = Topic { configs, rules, ..topic.clone() };
        self.remember_topic(&changed)?;
        for partition in &changed.partitions {
            partition.log.borrow_mut().settings = changed.rules.log.clone();
        }
        self.topics.borrow_mut().insert(changed);
        Ok(())
    }

    /// Deletes a topic; its files go later.
    pub(crate) fn delete_topic(&self, topic: &Topic) -> io::Result<()> {
        let mut changes = Changes::default();
        changes.forget(Key::Topic(topic.id));
        for partition in &topic.partitions {
            changes.forget(Key::Start(topic.id, partition.index));
        }
        changes.put(Key::Gone(topic.id), &directory(&topic.name, topic.id))?;
        // Together: its offsets must not outlive it, to be those of another of that name.
        self.step_groups_with(changes, |groups, now| groups.topic_deleted(now, &topic.name))
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.topics.borrow_mut().remove(topic);
        topic.partitions.iter().for_each(|partition| partition.wake());
        self.remove_files(topic);
        Ok(())
    }

    fn remove_files(&self, topic: &Topic) {
        if let Some(path) = self.place.path(&directory(&topic.name, topic.id)) {
            self.chores.add(move || {
                if let Err(error) = std::fs::remove_dir_all(&path) {
                    tracing::warn!(?path, %error, "the files of a deleted topic stay");
                }
            });
        }
    }

    /// Opens the topics that are remembered, and removes what deleted ones left.
    pub(crate) fn open_topics(&self) -> io::Result<()> {
        let (mut found, mut forget) = (Vec::new(), Changes::default());
        for (key, json) in self.store.borrow().iter() {
            match key {
                Key::Topic(id) => found.extend(Some(*id).zip(crate::store::read(key, json))),
                Key::Gone(_) => {
                    if let Some(path) = crate::store::read::<String>(key, json)
                        .and_then(|directory| self.place.path(&directory))
                        .filter(|path| path.exists())
                    {
                        std::fs::remove_dir_all(path)?;
                    }
                    forget.forget(key.clone());
                }
                _ => {}
            }
        }
        self.remember(forget)?;
        for (id, Remembered { name, partitions, configs }) in found {
            let rules = Rules::new(&configs, &self.settings.borrow());
            let name = TopicName(StrBytes::from_string(name));
            let mut topic = Topic { name, id, configs, rules, partitions: Vec::new() };
            self.open_partitions(&mut topic, partitions)?;
            self.topics.borrow_mut().insert(topic);
        }
        Ok(())
    }

    fn remember_topic(&self, topic: &Topic) -> io::Result<()> {
        let mut changes = Changes::default();
        let remembered = Remembered {
            name: topic.name.to_string(),
            partitions: topic.partitions.len() as i32,
            configs: topic.configs.clone(),
        };
        changes.put(Key::Topic(topic.id), &remembered)?;
        self.remember(changes)
    }

    fn open_partitions(&self, topic: &mut Topic, count: i32) -> io::Result<()> {
        let place = self.place.inside(&directory(&topic.name, topic.id))?;
        for index in topic.partitions.len() as i32..count {
            let start = self.store.borrow().get(&Key::Start(topic.id, index)).unwrap_or(0);
            let mut log =
                Log::open(place.inside(&index.to_string())?, start, topic.rules.log.clone())?;
            let recovered = log.take_recovered();
            // A producer that asks again is told of what is there already, without an append.
            if !recovered.is_empty()
                && let Some(directory) = log.take_grown()
            {
                self.mark_grown(directory);
            }
            for (file, from) in recovered {
                self.flush.mark_found(file, from)?;
            }
            let partition = Partition::new(topic.name.clone(), topic.id, index, log);
            topic.partitions.push(Rc::new(partition));
        }
        Ok(())
    }
}

/// Where a topic's files are, in the data directory.
fn directory(name: &str, id: Uuid) -> String {
    const NAME: usize = 200; // of the 255 bytes that file systems allow
    format!("topics/{}.{id}", &name[..name.len().min(NAME)])
}
