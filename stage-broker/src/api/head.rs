//! What comes before a request's own fields: which API in which version, who asks.

use crate::connection::unreadable;
use bytes::{Buf, Bytes};
use kafka_protocol::messages::ApiKey;
use std::io;

/// The part of a request's header that all versions share, and what comes after it.
pub(super) struct Head {
    pub(super) key: ApiKey,
    pub(super) version: i16,
    pub(super) correlation: i32,
    /// The client's id, not looked at.
    pub(super) client: Bytes,
    pub(super) body: Bytes,
}

impl Head {
    pub(super) fn read(mut frame: Bytes) -> io::Result<Head> {
        if frame.len() < 10 {
            return Err(unreadable(format!("a frame of {} bytes has no header", frame.len())));
        }
        let (key, version) = (frame.get_i16(), frame.get_i16());
        let (correlation, length) = (frame.get_i32(), frame.get_i16());
        let key =
            ApiKey::try_from(key).map_err(|()| unreadable(format!("API {key} is unknown")))?;
        let length = usize::try_from(length).unwrap_or(0);
        if length > frame.len() {
            return Err(unreadable("the client id is longer than the frame"));
        }
        let client = frame.split_to(length);
        Ok(Head { key, version, correlation, client, body: frame })
    }
}

/// Tagged fields of a header: none that we know.
pub(super) fn skip_tags(body: &mut Bytes) -> io::Result<()> {
    for _ in 0..varint(body)? {
        varint(body)?;
        let size = varint(body)? as usize;
        if size > body.len() {
            return Err(unreadable("a tag is longer than the frame"));
        }
        body.advance(size);
    }
    Ok(())
}

fn varint(body: &mut Bytes) -> io::Result<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = body.try_get_u8().map_err(unreadable)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(unreadable("a number that is too long"))
}
