//! Whole batches, one after the other in a file, that need not be read to be sent.

use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::net::TcpStream;

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

    /// Sends as much of it as there is room for, which is then no longer part of it; how much that was. Where SIGPIPE is
    /// not blocked it comes when the peer is gone.
    ///
    /// # Errors
    /// `WouldBlock`: there is no room. `Other`: the file cannot be read, or is shorter than it was. Else the peer is gone.
    pub(crate) fn send(&mut self, socket: &TcpStream) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        {
            use nix::errno::Errno;
            let mut from = i64::try_from(self.position).map_err(io::Error::other)?;
            match nix::sys::sendfile::sendfile64(socket, &self.file, Some(&mut from), self.length) {
                Ok(sent) => return self.sent(sent),
                Err(error @ (Errno::EAGAIN | Errno::EINTR)) => return Err(error.into()),
                // Not every file system can; and whose fault it is shows where it is read.
                Err(_) => {}
            }
        }
        self.read_and_send(socket)
    }

    fn read_and_send(&mut self, socket: &TcpStream) -> io::Result<usize> {
        const CHUNK: usize = 64 << 10;
        let length = self.length.min(CHUNK);
        let chunk = Stretch { file: Arc::clone(&self.file), length, ..*self };
        let sent = socket.try_write(&chunk.read().map_err(unreadable)?)?;
        self.sent(sent)
    }

    fn sent(&mut self, sent: usize) -> io::Result<usize> {
        if sent == 0 {
            return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        self.position += sent as u64;
        self.length -= sent;
        Ok(sent)
    }
}

/// What is the disk's fault is told apart from a peer that is gone.
fn unreadable(error: io::Error) -> io::Error {
    io::Error::other(format!("a file of a log cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::place::Place;
    use std::os::unix::fs::FileExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn both() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, peer)
    }

    #[tokio::test]
    async fn where_the_system_cannot_send_a_file_it_is_read() {
        let (socket, mut peer) = both().await;
        let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let file = Place::Nowhere.create("").unwrap();
        file.write_all_at(&content, 0).unwrap();
        let mut stretch = Stretch::new(Arc::new(file), 1_000, 2_900_000, 0);
        let mut got = vec![0; 2_900_000];
        let send = async {
            while stretch.len() > 0 {
                socket.writable().await.unwrap();
                match stretch.read_and_send(&socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    sent => assert!(sent.unwrap() > 0),
                }
            }
        };
        tokio::join!(send, async { peer.read_exact(&mut got).await.unwrap() });
        assert!(got == content[1_000..2_901_000]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_apart_from_a_peer_that_is_gone() {
        let (socket, peer) = both().await;
        socket.writable().await.unwrap();
        let directory = Arc::new(File::open("/").unwrap());
        let error = Stretch::new(directory, 0, 20_000, 0).send(&socket).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other, "{error}");
        let file = Place::Nowhere.create("").unwrap();
        file.set_len(1 << 20).unwrap();
        peer.set_zero_linger().unwrap();
        drop(peer);
        let mut stretch = Stretch::new(Arc::new(file), 0, 1 << 20, 0);
        let error = loop {
            match stretch.send(&socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => break error,
                Ok(_) => {}
            }
        };
        assert_ne!(error.kind(), io::ErrorKind::Other, "{error}");
    }
}
