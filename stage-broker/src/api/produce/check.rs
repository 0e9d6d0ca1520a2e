//! What a client's batch says about itself, and against the rules of its topic.

use super::{Refusal, records};
use crate::log::batch::{self, Header, Invalid};
use crate::topic::Rules;
use bytes::Bytes;
use kafka_protocol::error::ResponseError;

/// The smallest length that a batch of any format has.
const LEAST: i32 = 14;

/// Where every format says which it is.
const MAGIC: usize = 16;

/// The batch as it may be stored, its header read.
pub(crate) fn check(
    bytes: &Bytes,
    rules: &Rules,
    version: i16,
    now: i64,
) -> Result<(Header, Bytes), Refusal> {
    let batch = only(bytes)?;
    if batch.get(MAGIC) != Some(&2) {
        return Err(invalid("only record batches of format version 2 are taken"));
    }
    let header = read(&batch)?;
    check_header(&header, rules, version)?;
    if Header::check(&batch) == Err(Invalid::Crc) {
        return Err(corrupt("the checksum is wrong"));
    }
    check_promises(&header)?;
    let greatest = records::check(&header, &batch, rules, now)?;
    if rules.append_time || !header.is_append_time() && header.max_timestamp == greatest {
        return Ok((header, batch));
    }
    // Nothing is found by a time that is not so.
    let batch = batch::with_time(&batch, false, greatest);
    let header = read(&batch)?;
    Ok((header, batch))
}

fn read(batch: &Bytes) -> Result<Header, Refusal> {
    Header::read(batch).map_err(|_| corrupt("the batch is smaller than its header"))
}

/// The one batch that is in there. Half of another one behind it does not count.
fn only(bytes: &Bytes) -> Result<Bytes, Refusal> {
    const ONE: &str = "Produce requests must have exactly one record batch per partition";
    let size = front(bytes)?.ok_or_else(|| invalid(ONE))?;
    match front(&bytes[size..])? {
        None => Ok(bytes.slice(..size)),
        Some(_) => Err(invalid(ONE)),
    }
}

/// The size of the batch at the front, of whichever format; none if it is not all there.
fn front(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let Some(head) = bytes.first_chunk::<12>() else { return Ok(None) };
    let length = i32::from_be_bytes(batch::at(head, 8));
    if length < LEAST {
        return Err(corrupt("the length of the batch cannot be one"));
    }
    match bytes.get(MAGIC) {
        None => return Ok(None),
        Some(0..=2) => {}
        Some(_) => return Err(corrupt("the format of the batch is unknown")),
    }
    let size = head.len() + length as usize;
    Ok((size <= bytes.len()).then_some(size))
}

fn check_header(header: &Header, rules: &Rules, version: i16) -> Result<(), Refusal> {
    let unsupported = |why| Refusal::new(ResponseError::UnsupportedCompressionType, why);
    if header.codec() > 4 {
        return Err(unsupported("an unknown compression"));
    }
    if header.codec() == 4 && version < 7 {
        return Err(unsupported("zstd needs version 7 of Produce"));
    }
    if header.base_offset != 0 {
        return Err(invalid("the base offset of a new batch must be 0"));
    }
    if header.size > rules.max_message_bytes {
        let why = "the batch is larger than the topic's max.message.bytes";
        return Err(Refusal::new(ResponseError::MessageTooLarge, why));
    }
    Ok(())
}

/// What only counts once the checksum has shown that it was said.
fn check_promises(header: &Header) -> Result<(), Refusal> {
    if header.count <= 0 || header.last_offset_delta.checked_add(1) != Some(header.count) {
        return Err(invalid("the number of records contradicts their offsets"));
    }
    if header.is_control() {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    if header.is_idempotent() && header.base_sequence < 0 {
        return Err(invalid("an idempotent batch without a sequence number"));
    }
    Ok(())
}

/// Sending it again does not help.
fn invalid(why: &'static str) -> Refusal {
    Refusal::new(ResponseError::InvalidRecord, why)
}

/// It may have been hurt on its way.
fn corrupt(why: &'static str) -> Refusal {
    Refusal::new(ResponseError::CorruptMessage, why)
}
