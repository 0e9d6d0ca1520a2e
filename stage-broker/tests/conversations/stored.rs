//! Record batches as a fetch brings them.

use crate::batch::{self, Producer};
use bytes::{Buf, Bytes};

/// One whole batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) attributes: i16,
    pub(crate) last_offset: i64,
    pub(crate) first_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer: Producer,
    pub(crate) sequence: i32,
    pub(crate) count: i32,
    /// All of it.
    pub(crate) bytes: Bytes,
}

/// The whole batches; what is cut off at the end does not count.
pub(crate) fn batches(mut bytes: Bytes) -> Vec<Stored> {
    let mut found = Vec::new();
    while bytes.len() >= batch::RECORDS {
        let size = 12 + (&bytes[batch::LENGTH..]).get_i32() as usize;
        if bytes.len() < size {
            break;
        }
        found.push(stored(bytes.split_to(size)));
    }
    found
}

fn stored(bytes: Bytes) -> Stored {
    let crc = (&bytes[batch::CRC..]).get_u32();
    assert_eq!(crc, crc32c::crc32c(&bytes[batch::ATTRIBUTES..]), "the CRC of what was fetched");
    assert_eq!(bytes[batch::MAGIC], 2);
    let mut rest = &bytes[batch::ATTRIBUTES..];
    let base_offset = (&bytes[..]).get_i64();
    Stored {
        base_offset,
        leader_epoch: (&bytes[batch::LEADER_EPOCH..]).get_i32(),
        attributes: rest.get_i16(),
        last_offset: base_offset + i64::from(rest.get_i32()),
        first_timestamp: rest.get_i64(),
        max_timestamp: rest.get_i64(),
        producer: Producer { id: rest.get_i64(), epoch: rest.get_i16() },
        sequence: rest.get_i32(),
        count: rest.get_i32(),
        bytes,
    }
}

impl Stored {
    pub(crate) fn is_control(&self) -> bool {
        self.attributes & batch::CONTROL != 0
    }

    /// Keys and values, if not compressed.
    pub(crate) fn records(&self) -> Vec<(Option<Bytes>, Option<Bytes>)> {
        self.placed().into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    /// The same with their offsets.
    pub(crate) fn placed(&self) -> Vec<Placed> {
        assert_eq!(self.attributes & 7, 0, "compressed");
        let mut rest = self.bytes.slice(batch::RECORDS..);
        (0..self.count).map(|_| record(self.base_offset, &mut rest)).collect()
    }

    /// The end of a transaction: its marker says whether it is a commit.
    pub(crate) fn commits(&self) -> bool {
        assert!(self.is_control());
        let key = self.records()[0].0.clone().expect("the key of a marker");
        (&key[2..]).get_i16() == 1
    }
}

/// Offset, key and value.
pub(crate) type Placed = (i64, Option<Bytes>, Option<Bytes>);

fn record(base_offset: i64, rest: &mut Bytes) -> Placed {
    let length = varint(rest) as usize;
    let mut record = rest.split_to(length);
    record.advance(1);
    varint(&mut record);
    let offset = base_offset + varint(&mut record);
    let mut field = || {
        let length = varint(&mut record);
        (length >= 0).then(|| record.split_to(length as usize))
    };
    (offset, field(), field())
}

fn varint(bytes: &mut Bytes) -> i64 {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = bytes.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (value >> 1) as i64 ^ -((value & 1) as i64);
        }
    }
}
