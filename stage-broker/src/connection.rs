//! One connection: a frame in, its answer out, in order. What is sent ahead waits in the socket.

use crate::api::{self, Cx};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::rc::Rc;
use tokio::net::TcpStream;

/// What is read at once.
pub(crate) const CHUNK: usize = 64 << 10;

/// A buffer that grew for a large frame is given back above this.
const KEEP: usize = 1 << 20;

/// Answers frames until the peer closes.
///
/// # Errors
/// The connection broke; or the peer sent what cannot be read (`InvalidData`).
pub(crate) async fn serve(mut cx: Cx) -> io::Result<()> {
    let socket = Rc::clone(&cx.socket);
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let limit = cx.node.size("socket.request.max.bytes");
    while let Some(frame) = next_frame(&socket, &mut buffer, limit).await? {
        if let Some(answer) = api::answer(&mut cx, frame).await? {
            answer.send(&socket).await?;
        }
        if buffer.is_empty() && buffer.capacity() > KEEP {
            buffer = BytesMut::with_capacity(CHUNK);
        }
    }
    Ok(())
}

/// The next frame without its length; none: the peer has closed.
async fn next_frame(
    socket: &TcpStream,
    buffer: &mut BytesMut,
    limit: usize,
) -> io::Result<Option<Bytes>> {
    loop {
        if let Some(frame) = take_frame(buffer, limit)? {
            return Ok(Some(frame));
        }
        if read(socket, buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Takes the frame at the front of what came; none: it is not all there, and there is room for more.
pub(crate) fn take_frame(buffer: &mut BytesMut, limit: usize) -> io::Result<Option<Bytes>> {
    let Some(length) = buffer.first_chunk::<4>() else {
        buffer.reserve(CHUNK);
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    let Some(size) = usize::try_from(length).ok().filter(|size| *size <= limit) else {
        return Err(unreadable(format!("a frame of {length} bytes; at most {limit} are taken")));
    };
    if buffer.len() >= 4 + size {
        buffer.advance(4);
        return Ok(Some(buffer.split_to(size).freeze()));
    }
    // Only as much as came, and as much again, so that a length alone costs no memory.
    let more = (4 + size - buffer.len()).min(buffer.len().max(CHUNK));
    buffer.reserve(more);
    Ok(None)
}

async fn read(socket: &TcpStream, buffer: &mut BytesMut) -> io::Result<usize> {
    loop {
        match socket.try_read_buf(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.readable().await?,
            done => return done,
        }
    }
}

/// Returns when the peer has closed; never, if it has sent something ahead.
pub(crate) async fn closed(socket: &TcpStream) {
    if matches!(socket.peek(&mut [0]).await, Ok(1..)) {
        std::future::pending::<()>().await;
    }
}

/// The peer sent what cannot be read.
pub(crate) fn unreadable(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}
