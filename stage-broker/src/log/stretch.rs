//! Whole batches, one after the other in a file, that need not be read to be sent.

use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Some of a file: bytes that never change, in a file that stays open for them even when its name is gone.
#[derive(Debug)]
pub(crate) struct Stretch {
    file: Arc<File>,
    position: u64,
    length: usize,
    /// The offset at which the next batch begins.
    pub(crate) next: i64,
}

impl Stretch {
    pub(crate) fn new(file: Arc<File>, position: u32, length: usize, next: i64) -> Stretch {
        Stretch { file, position: u64::from(position), length, next }
    }

    /// The bytes that are left of it.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Reads it.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        let mut out = BytesMut::zeroed(self.length);
        self.file.read_exact_at(&mut out, self.position)?;
        Ok(out.freeze())
    }

    /// Sends as much of it as there is room for, which is then no longer part of it; how much that was.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room; or the file cannot be read, or is shorter than it was; or the peer is gone. On
    /// Linux the last comes with SIGPIPE unless the thread blocks it.
    #[cfg(target_os = "linux")]
    pub(crate) fn send(&mut self, socket: &tokio::net::TcpStream) -> io::Result<usize> {
        let mut from = i64::try_from(self.position).map_err(io::Error::other)?;
        let sent =
            nix::sys::sendfile::sendfile64(socket, &self.file, Some(&mut from), self.length)?;
        self.sent(sent)
    }

    /// Sends some of it.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn send(&mut self, socket: &tokio::net::TcpStream) -> io::Result<usize> {
        const CHUNK: usize = 64 << 10;
        let chunk =
            Stretch { file: Arc::clone(&self.file), length: self.length.min(CHUNK), ..*self };
        let sent = socket.try_write(&chunk.read()?)?;
        self.sent(sent)
    }

    fn sent(&mut self, sent: usize) -> io::Result<usize> {
        if sent == 0 {
            return Err(io::Error::other("a file of a log is shorter than it was"));
        }
        self.position += sent as u64;
        self.length -= sent;
        Ok(sent)
    }
}
