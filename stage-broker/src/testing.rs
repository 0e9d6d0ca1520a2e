//! What unit tests share: a directory that goes away, batches, a node.

use crate::config::Config;
use crate::log::batch::{Header, seal};
use crate::log::place::Place;
use crate::node::Node;
use bytes::{BufMut, Bytes, BytesMut};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::task::LocalSet;

/// A directory of one test, removed at its end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        let dir = std::env::temp_dir().join(format!("stage-broker-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).expect("a directory can be made");
        Dir(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that takes what is written and cannot be forced to a disk: the end of a pipe.
pub(crate) fn unforceable() -> File {
    let (_, end) = std::io::pipe().expect("a pipe");
    File::from(OwnedFd::from(end))
}

/// Who writes a batch.
#[derive(Clone, Copy, Default)]
pub(crate) struct By {
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
}

/// Nobody in particular.
pub(crate) const NOBODY: By = By { producer: -1, epoch: -1, sequence: -1, transactional: false };

/// A batch of short keys and values; no value: a tombstone.
pub(crate) fn batch(by: By, time: i64, records: &[(&str, Option<&str>)]) -> (Header, Bytes) {
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i64(0); // length, leader epoch
    batch.put_i8(2);
    batch.put_i32(0);
    batch.put_i16(if by.transactional { 1 << 4 } else { 0 });
    batch.put_i32(records.len() as i32 - 1);
    batch.put_i64(time);
    batch.put_i64(time);
    batch.put_i64(by.producer);
    batch.put_i16(by.epoch);
    batch.put_i32(by.sequence);
    batch.put_i32(records.len() as i32);
    for (delta, (key, value)) in records.iter().enumerate() {
        let mut record = BytesMut::new();
        record.put_u8(0);
        record.put_u8(0);
        record.put_u8(delta as u8 * 2);
        record.put_u8(key.len() as u8 * 2);
        record.put_slice(key.as_bytes());
        record.put_u8(value.map_or(1, |value| value.len() as u8 * 2));
        record.put_slice(value.unwrap_or_default().as_bytes());
        record.put_u8(0);
        batch.put_u8(record.len() as u8 * 2);
        batch.put_slice(&record);
    }
    seal(&mut batch);
    let header = Header::check(&batch).expect("a batch");
    (header, batch.freeze())
}

/// Runs a test on a node that keeps its data in a directory, without connections. When it returns
/// the node is gone as if killed: nothing was closed, and what was begun is not gone on with.
pub(crate) fn on_node(dir: &Dir, test: impl AsyncFnOnce(Rc<Node>)) {
    on_node_with(Config::directory(dir.path()), dir, test);
}

/// The same, set up in another way.
pub(crate) fn on_node_with(config: Config, dir: &Dir, test: impl AsyncFnOnce(Rc<Node>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let place = Place::Disk(dir.path().to_path_buf());
        let node = Rc::new(Node::open(&config, place, None).expect("a node"));
        node.open_transactions().await;
        test(node).await;
    });
}
