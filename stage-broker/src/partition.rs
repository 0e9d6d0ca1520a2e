//! A partition: its log, and who waits for more of it.

use crate::log::Log;
use crate::log::batch::Header;
use crate::log::producers::Verdict;
use crate::node::Node;
use crate::store::{Changes, Key};
use kafka_protocol::messages::TopicName;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use tokio::sync::Notify;
use uuid::Uuid;

/// One partition of a topic.
pub(crate) struct Partition {
    pub(crate) topic: TopicName,
    pub(crate) topic_id: Uuid,
    pub(crate) index: i32,
    pub(crate) log: RefCell<Log>,
    watchers: RefCell<Vec<(u64, Rc<Notify>)>>,
    next_watcher: Cell<u64>,
}

impl Partition {
    pub(crate) fn new(topic: TopicName, topic_id: Uuid, index: i32, log: Log) -> Partition {
        Partition {
            topic,
            topic_id,
            index,
            log: RefCell::new(log),
            watchers: RefCell::default(),
            next_watcher: Cell::new(0),
        }
    }

    /// Appends a batch that was checked, and wakes who waits for it; its base offset.
    pub(crate) fn append(&self, node: &Node, header: Header, batch: &[u8]) -> io::Result<i64> {
        let mut log = self.log.borrow_mut();
        let before = log.file()?;
        let appended = log.append(header, batch, node.now())?;
        let file = log.file()?;
        if let Some(directory) = log.take_grown() {
            node.mark_grown(directory);
        }
        drop(log);
        if !std::sync::Arc::ptr_eq(&before, &file) {
            node.flush.mark(before);
        }
        node.flush.mark(file);
        node.save(appended.draft);
        self.wake();
        Ok(appended.base_offset)
    }

    /// Remembers where its log begins from now on.
    pub(crate) fn remember_start(&self, node: &Node, start: i64) -> io::Result<()> {
        let mut changes = Changes::default();
        changes.put(Key::Start(self.topic_id, self.index), &start)?;
        node.remember(changes)
    }

    /// What the producers' past says to a batch.
    pub(crate) fn judge(&self, header: &Header) -> Verdict {
        if header.is_idempotent() {
            self.log.borrow().producers.judge(header)
        } else {
            Verdict::New
        }
    }

    /// Wakes everybody who waits for a change here.
    pub(crate) fn wake(&self) {
        for (_, watcher) in self.watchers.borrow_mut().drain(..) {
            watcher.notify_one();
        }
    }

    /// Has `waiter` woken at the next change.
    pub(crate) fn watch(self: &Rc<Partition>, waiter: &Rc<Notify>) -> Watch {
        let id = self.next_watcher.get();
        self.next_watcher.set(id + 1);
        self.watchers.borrow_mut().push((id, Rc::clone(waiter)));
        Watch { partition: Rc::clone(self), id }
    }
}

/// Somebody waits; dropped, they no longer do.
pub(crate) struct Watch {
    partition: Rc<Partition>,
    id: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.partition.watchers.borrow_mut().retain(|(id, _)| *id != self.id);
    }
}
