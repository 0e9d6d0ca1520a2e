//! Forces what was written to the disk. Whoever waits shares one fsync with all who wait.

use crate::config::Fsync;
use crate::disk::Disk;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often, if it is by interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files that were written to since they were last forced to the disk.
pub(crate) struct Flush {
    mode: Fsync,
    disk: Disk,
    dirty: RefCell<Vec<Arc<File>>>,
    /// Directories in which files were made.
    grown: RefCell<BTreeSet<PathBuf>>,
    /// How many rounds have begun, and how many of those have ended.
    begun: Cell<u64>,
    ended: Cell<u64>,
    changed: Notify,
}

impl Flush {
    pub(crate) fn new(mode: Fsync) -> Rc<Flush> {
        Rc::new(Flush {
            mode,
            disk: Disk::default(),
            dirty: RefCell::default(),
            grown: RefCell::default(),
            begun: Cell::new(0),
            ended: Cell::new(0),
            changed: Notify::new(),
        })
    }

    fn is_on(&self) -> bool {
        self.mode != Fsync::Never
    }

    /// Where files are forced to, if they are at all.
    pub(crate) fn disk(&self) -> Option<Disk> {
        self.is_on().then(|| self.disk.clone())
    }

    /// Whether anything may still be stored: not once the disk has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.disk.check()
    }

    /// Notes a file that was written to.
    pub(crate) fn mark(&self, file: Arc<File>) {
        let mut dirty = self.dirty.borrow_mut();
        if self.is_on() && !dirty.iter().any(|known| Arc::ptr_eq(known, &file)) {
            dirty.push(file);
        }
    }

    /// Notes a file of which an earlier process may not have forced what comes from `from` on. If that
    /// was tried and failed, the system holds it as if it were on the disk: it is written once more.
    pub(crate) fn mark_found(&self, file: Arc<File>, from: u64) -> io::Result<()> {
        if !self.is_on() {
            return Ok(());
        }
        let mut at = from;
        let mut chunk = vec![0; 1 << 20];
        loop {
            let read = file.read_at(&mut chunk, at)?;
            if read == 0 {
                break;
            }
            file.write_all_at(&chunk[..read], at)?;
            at += read as u64;
        }
        self.mark(file);
        Ok(())
    }

    /// Notes a directory in which a file was made.
    pub(crate) fn mark_directory(&self, path: &Path) {
        if self.is_on() {
            self.grown.borrow_mut().insert(path.to_owned());
        }
    }

    fn is_clean(&self) -> bool {
        self.dirty.borrow().is_empty() && self.grown.borrow().is_empty()
    }

    /// What forces all that was noted so far; it blocks.
    fn take(&self) -> impl FnOnce() + Send + 'static {
        let (files, directories) = (self.dirty.take(), self.grown.take());
        let disk = self.disk.clone();
        // A failure is known to the disk from now on, and in the log.
        move || {
            let forced = files.iter().try_for_each(|file| disk.force(file));
            drop(forced.and_then(|()| directories.iter().try_for_each(|d| disk.force_entries(d))));
        }
    }

    /// Returns when all that was noted so far may be acknowledged.
    pub(crate) async fn settled(self: &Rc<Flush>) -> io::Result<()> {
        if self.mode != Fsync::Always {
            return self.check();
        }
        let clean = self.is_clean();
        let round = if clean { self.begun.get() } else { self.begun.get() + 1 };
        if !clean && self.begun.get() == self.ended.get() {
            let flush = Rc::clone(self);
            tokio::task::spawn_local(async move { flush.run().await });
        }
        while self.ended.get() < round {
            self.changed.notified().await;
        }
        self.check()
    }

    /// Round after round while there is something to do.
    async fn run(&self) {
        while self.begun.get() == self.ended.get() && !self.is_clean() {
            self.round().await;
        }
    }

    async fn round(&self) {
        let force = self.take();
        self.begun.set(self.begun.get() + 1);
        if let Err(error) = tokio::task::spawn_blocking(force).await {
            tracing::error!(%error, "what was written was not forced to the disk");
            self.disk.fail();
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
            if !self.is_clean() {
                self.round().await;
            }
        }
    }

    /// All that is left, now; blocks.
    pub(crate) fn finish(&self) {
        // Of a failure there is only the log to tell.
        self.take()();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::testing::{Dir, NOBODY, batch, on_node_with, unforceable};
    use std::collections::BTreeMap;

    fn always(dir: &Dir) -> Config {
        Config::directory(dir.path()).fsync(Fsync::Always)
    }

    #[test]
    fn what_a_killed_process_wrote_is_forced_before_it_counts() {
        let dir = Dir::new();
        on_node_with(always(&dir), &dir, async |node| {
            let topic = node.create_topic("t", 2, BTreeMap::new()).unwrap();
            let (header, batch) = batch(NOBODY, 0, &[("a", Some("1"))]);
            topic.partitions[0].append(&node, header, &batch).unwrap();
        });
        on_node_with(always(&dir), &dir, async |node| {
            // The state, and the one log with something in it.
            assert_eq!(node.flush.dirty.borrow().len(), 2);
            assert_eq!(node.flush.grown.borrow().len(), 4, "and the names on the way to it");
            node.flush.settled().await.unwrap();
            node.close();
        });
        on_node_with(always(&dir), &dir, async |node| {
            assert_eq!(node.flush.dirty.borrow().len(), 1, "the log's checkpoint knows all");
        });
    }

    #[test]
    fn a_new_segment_is_forced_with_its_name() {
        let dir = Dir::new();
        on_node_with(always(&dir), &dir, async |node| {
            let small = BTreeMap::from([("segment.bytes".to_owned(), "1048576".to_owned())]);
            let topic = node.create_topic("t", 1, small).unwrap();
            let grown = || node.flush.grown.borrow().len();
            node.flush.settled().await.unwrap();
            assert_eq!(grown(), 0);
            let large = "x".repeat(400_000);
            // Its directory, the topic's, that of all topics, and that of everything; then its own.
            for expected in [4, 0, 4] {
                let (header, batch) = batch(NOBODY, 0, &[("a", Some(&large))]);
                topic.partitions[0].append(&node, header, &batch).unwrap();
                assert_eq!(grown(), expected);
                node.flush.settled().await.unwrap();
                assert_eq!(grown(), 0);
            }
        });
    }

    #[test]
    fn after_a_failure_nothing_settles_in_any_mode() {
        let dir = Dir::new();
        for mode in [Fsync::Always, Fsync::Interval] {
            on_node_with(always(&dir).fsync(mode), &dir, async |node| {
                assert!(node.flush.settled().await.is_ok());
                node.flush.mark(Arc::new(unforceable()));
                node.flush.round().await;
                assert!(node.flush.settled().await.is_err(), "{mode:?}");
                assert!(node.create_topic("t", 1, BTreeMap::new()).is_err(), "{mode:?}");
            });
        }
    }
}
