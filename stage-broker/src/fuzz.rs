//! What random bytes may not do: each target takes any, and panics where a promise is broken. The
//! package in `fuzz/` looks for such bytes; what it found and kept is tried here again.

mod batch;

mod recovery;

#[cfg(test)]
mod tests;

pub use batch::batch;
pub use recovery::recovery;

use crate::api;
use crate::connection::{CHUNK, take_frame};
use bytes::{Bytes, BytesMut};

/// Bytes of a connection, which come in pieces: frames are cut as they were sent, and a length that
/// is only promised sets no memory aside.
pub fn frame(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    let Some((&piece, data)) = data.split_first() else { return };
    let mut buffer = BytesMut::new();
    let mut taken = Vec::new();
    for piece in data.chunks(usize::from(piece) + 1) {
        buffer.extend_from_slice(piece);
        loop {
            match take_frame(&mut buffer, LIMIT) {
                Ok(Some(frame)) => {
                    taken.extend((frame.len() as u32).to_be_bytes());
                    taken.extend_from_slice(&frame);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(buffer.capacity() <= 2 * (data.len() + CHUNK), "{}", buffer.capacity());
    }
    taken.extend_from_slice(&buffer);
    assert!(taken == data, "what was cut is what came");
}

/// A frame without its length: whichever API and version it names, it is decoded or refused.
pub fn request(data: &[u8]) {
    api::can_be_read(Bytes::copy_from_slice(data));
}
