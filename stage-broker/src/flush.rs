//! Forces what was written to the disk. Whoever waits shares one fsync with all who wait.

use crate::config::Fsync;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often, if it is by interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files that were written to since they were last forced to the disk.
pub(crate) struct Flush {
    mode: Fsync,
    dirty: RefCell<Vec<Arc<File>>>,
    /// How many rounds have begun, and how many of those have ended.
    begun: Cell<u64>,
    ended: Cell<u64>,
    /// The last round that failed.
    failed: Cell<u64>,
    changed: Notify,
}

impl Flush {
    pub(crate) fn new(mode: Fsync) -> Rc<Flush> {
        Rc::new(Flush {
            mode,
            dirty: RefCell::default(),
            begun: Cell::new(0),
            ended: Cell::new(0),
            failed: Cell::new(0),
            changed: Notify::new(),
        })
    }

    /// Whether anything is forced to the disk at all.
    pub(crate) fn is_on(&self) -> bool {
        self.mode != Fsync::Never
    }

    /// Notes a file that was written to.
    pub(crate) fn mark(&self, file: Arc<File>) {
        let mut dirty = self.dirty.borrow_mut();
        if self.is_on() && !dirty.iter().any(|known| Arc::ptr_eq(known, &file)) {
            dirty.push(file);
        }
    }

    /// Returns when all that was noted so far may be acknowledged.
    pub(crate) async fn settled(self: &Rc<Flush>) -> io::Result<()> {
        if self.mode != Fsync::Always {
            return Ok(());
        }
        let clean = self.dirty.borrow().is_empty();
        let round = if clean { self.begun.get() } else { self.begun.get() + 1 };
        if !clean && self.begun.get() == self.ended.get() {
            let flush = Rc::clone(self);
            tokio::task::spawn_local(async move { flush.run().await });
        }
        while self.ended.get() < round {
            self.changed.notified().await;
        }
        if self.failed.get() >= round && round > 0 {
            return Err(io::Error::other("the disk did not take what was written"));
        }
        Ok(())
    }

    /// Round after round while there is something to do.
    async fn run(&self) {
        while self.begun.get() == self.ended.get() && !self.dirty.borrow().is_empty() {
            self.round().await;
        }
    }

    async fn round(&self) {
        let files = self.dirty.take();
        self.begun.set(self.begun.get() + 1);
        let sync = move || files.iter().try_for_each(|file| file.sync_data());
        let done = tokio::task::spawn_blocking(sync).await;
        if let Err(error) = done.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::error!(%error, "the disk did not take what was written");
            self.failed.set(self.begun.get());
        }
        self.ended.set(self.begun.get());
        self.changed.notify_waiters();
    }

    /// Every second, if that is how it shall be. Does not return.
    pub(crate) async fn keep(&self) {
        if self.mode != Fsync::Interval {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(INTERVAL).await;
            if !self.dirty.borrow().is_empty() {
                self.round().await;
            }
        }
    }

    /// All that is left, now; blocks.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.dirty.take().iter().try_for_each(|file| file.sync_data())
    }
}
