//! What is sent for a request: bytes, and between them stretches of files, which the system sends from its cache of
//! them, so that records are not copied through this process.

use crate::log::stretch::Stretch;
use bytes::{BufMut, BytesMut};
use kafka_protocol::protocol::Encodable;
use std::io;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// The answer to one request, with its length in front.
pub(crate) struct Answer {
    pub(crate) bytes: BytesMut,
    /// Each with how many of the bytes come before it.
    stretches: Vec<(usize, Stretch)>,
}

/// What becomes the body of an answer.
pub(crate) trait Body {
    /// Writes it as this version has it.
    fn write(self, out: &mut Answer, version: i16) -> io::Result<()>;
}

impl<T: Encodable> Body for T {
    fn write(self, out: &mut Answer, version: i16) -> io::Result<()> {
        self.encode(&mut out.bytes, version).map_err(io::Error::other)
    }
}

impl Answer {
    /// Begins one; the correlation is the request's.
    pub(crate) fn new(correlation: i32) -> Answer {
        let mut bytes = BytesMut::with_capacity(256);
        bytes.put_i32(0); // length
        bytes.put_i32(correlation);
        Answer { bytes, stretches: Vec::new() }
    }

    /// Adds what stays in a file until it is sent.
    pub(crate) fn put(&mut self, stretch: Stretch) {
        self.stretches.push((self.bytes.len(), stretch));
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// The connection broke; or a file did not give what is in it, and the peer has only a part of the answer.
    pub(crate) async fn send(mut self, socket: &TcpStream) -> io::Result<()> {
        let elsewhere: usize = self.stretches.iter().map(|(_, stretch)| stretch.len()).sum();
        let length = u32::try_from(self.bytes.len() - 4 + elsewhere).map_err(io::Error::other)?;
        self.bytes[..4].copy_from_slice(&length.to_be_bytes());
        let mut sent = 0;
        for (before, mut stretch) in self.stretches {
            send(socket, &self.bytes[sent..before], true).await?;
            while stretch.len() > 0 {
                writable(socket, || stretch.send(socket)).await?;
            }
            sent = before;
        }
        send(socket, &self.bytes[sent..], false).await
    }
}

/// Sends bytes; with `more` the system may wait for what follows before it makes a packet of them.
async fn send(socket: &TcpStream, mut bytes: &[u8], more: bool) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = writable(socket, || some(socket, bytes, more)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

/// Does what sends something, as soon as there is room for it.
async fn writable(
    socket: &TcpStream,
    mut send: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        match socket.try_io(Interest::WRITABLE, &mut send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.writable().await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            done => return done,
        }
    }
}

#[cfg(target_os = "linux")]
fn some(socket: &TcpStream, bytes: &[u8], more: bool) -> io::Result<usize> {
    use nix::sys::socket::MsgFlags;
    use std::os::fd::AsRawFd;
    let more = if more { nix::libc::MSG_MORE } else { 0 };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::from_bits_retain(more);
    Ok(nix::sys::socket::send(socket.as_raw_fd(), bytes, flags)?)
}

#[cfg(not(target_os = "linux"))]
fn some(socket: &TcpStream, bytes: &[u8], _more: bool) -> io::Result<usize> {
    socket.try_write(bytes)
}
