//! One connection: a frame in, its answer out, in order. What is sent ahead waits in the socket.

use crate::api::{self, Cx};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is read at once.
const CHUNK: usize = 64 << 10;

/// A buffer that grew for a large frame is given back above this.
const KEEP: usize = 1 << 20;

/// Answers frames until the peer closes.
///
/// # Errors
/// The connection broke; or the peer sent what cannot be read (`InvalidData`).
pub(crate) async fn serve(mut socket: TcpStream, mut cx: Cx) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let limit = cx.node.size("socket.request.max.bytes");
    while let Some(frame) = next_frame(&mut socket, &mut buffer, limit).await? {
        if let Some(answer) = api::answer(&mut cx, frame).await? {
            socket.write_all(&answer).await?;
        }
        if buffer.is_empty() && buffer.capacity() > KEEP {
            buffer = BytesMut::with_capacity(CHUNK);
        }
    }
    Ok(())
}

/// The next frame without its length; none: the peer has closed.
async fn next_frame(
    socket: &mut TcpStream,
    buffer: &mut BytesMut,
    limit: usize,
) -> io::Result<Option<Bytes>> {
    loop {
        if let Some(length) = buffer.first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let size = usize::try_from(length).ok().filter(|size| *size <= limit);
            let Some(size) = size else {
                return Err(unreadable(format!(
                    "a frame of {length} bytes; at most {limit} are taken"
                )));
            };
            if buffer.len() >= 4 + size {
                buffer.advance(4);
                return Ok(Some(buffer.split_to(size).freeze()));
            }
            // Only as much as came, and as much again, so that a length alone costs no memory.
            let more = (4 + size - buffer.len()).min(buffer.len().max(CHUNK));
            buffer.reserve(more);
        } else {
            buffer.reserve(CHUNK);
        }
        if socket.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// The peer sent what cannot be read.
pub(crate) fn unreadable(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}
