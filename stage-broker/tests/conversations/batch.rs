//! Record batches, made by hand: right ones, and wrong ones where a conversation wants them.

use crate::talk::now;
use bytes::{BufMut, Bytes, BytesMut};

// Where the fields of a batch are.
pub(crate) const LENGTH: usize = 8;
pub(crate) const LEADER_EPOCH: usize = 12;
pub(crate) const MAGIC: usize = 16;
pub(crate) const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
pub(crate) const LAST_OFFSET_DELTA: usize = 23;
pub(crate) const MAX_TIMESTAMP: usize = 35;
pub(crate) const COUNT: usize = 57;
pub(crate) const RECORDS: usize = 61;

// Attributes.
pub(crate) const GZIP: i16 = 1;
pub(crate) const SNAPPY: i16 = 2;
pub(crate) const LZ4: i16 = 3;
pub(crate) const ZSTD: i16 = 4;
pub(crate) const APPEND_TIME: i16 = 8;
pub(crate) const TRANSACTIONAL: i16 = 16;
pub(crate) const CONTROL: i16 = 32;

/// Who produces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Producer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

impl Producer {
    pub(crate) const NONE: Producer = Producer { id: -1, epoch: -1 };

    pub(crate) fn with_epoch(self, epoch: i16) -> Producer {
        Producer { epoch, ..self }
    }
}

#[derive(Clone)]
pub(crate) struct Batch {
    records: Vec<(Option<String>, Option<String>)>,
    producer: Producer,
    sequence: i32,
    attributes: i16,
    timestamp: i64,
    /// Between a record and the next one.
    step: i64,
}

impl Batch {
    /// Records without keys.
    pub(crate) fn of(values: &[&str]) -> Batch {
        Batch::keyed(&values.iter().map(|value| (None, Some(*value))).collect::<Vec<_>>())
    }

    pub(crate) fn keyed(records: &[(Option<&str>, Option<&str>)]) -> Batch {
        let owned = |text: &Option<&str>| text.map(str::to_owned);
        let records = records.iter().map(|(key, value)| (owned(key), owned(value))).collect();
        let producer = Producer::NONE;
        Batch { records, producer, sequence: -1, attributes: 0, timestamp: now(), step: 0 }
    }

    pub(crate) fn by(self, producer: Producer, sequence: i32) -> Batch {
        Batch { producer, sequence, ..self }
    }

    /// As part of a transaction.
    pub(crate) fn within(self, producer: Producer, sequence: i32) -> Batch {
        self.by(producer, sequence).with(TRANSACTIONAL)
    }

    pub(crate) fn with(self, attributes: i16) -> Batch {
        Batch { attributes: self.attributes | attributes, ..self }
    }

    /// The first record's timestamp, and how far the next ones are apart.
    pub(crate) fn at(self, timestamp: i64, step: i64) -> Batch {
        Batch { timestamp, step, ..self }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        let records = crate::codec::compressed(self.attributes & 7, &self.records());
        let count = self.records.len() as i32;
        let mut out = BytesMut::new();
        out.put_i64(0); // base offset
        out.put_i32((RECORDS - LEADER_EPOCH + records.len()) as i32);
        out.put_i32(-1); // leader epoch
        out.put_u8(2);
        out.put_u32(0); // CRC, later
        out.put_i16(self.attributes);
        out.put_i32(count - 1);
        out.put_i64(self.timestamp);
        out.put_i64(self.timestamp + self.step * i64::from((count - 1).max(0)));
        out.put_i64(self.producer.id);
        out.put_i16(self.producer.epoch);
        out.put_i32(self.sequence);
        out.put_i32(count);
        out.put_slice(&records);
        sealed(out)
    }

    /// The bytes with a field changed, and a CRC that is right again.
    pub(crate) fn patched(&self, at: usize, field: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&self.bytes()[..]);
        bytes[at..at + field.len()].copy_from_slice(field);
        sealed(bytes)
    }

    /// The bytes with a field changed, and nothing done about it.
    pub(crate) fn damaged(&self, at: usize, field: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&self.bytes()[..]);
        bytes[at..at + field.len()].copy_from_slice(field);
        bytes.freeze()
    }

    fn records(&self) -> Bytes {
        let mut out = BytesMut::new();
        for (index, (key, value)) in self.records.iter().enumerate() {
            let mut record = BytesMut::new();
            record.put_u8(0);
            put_varint(&mut record, self.step * index as i64);
            put_varint(&mut record, index as i64);
            for field in [key, value] {
                match field {
                    None => put_varint(&mut record, -1),
                    Some(text) => {
                        put_varint(&mut record, text.len() as i64);
                        record.put_slice(text.as_bytes());
                    }
                }
            }
            put_varint(&mut record, 0); // headers
            put_varint(&mut out, record.len() as i64);
            out.put_slice(&record);
        }
        out.freeze()
    }
}

impl From<&Batch> for Bytes {
    fn from(batch: &Batch) -> Bytes {
        batch.bytes()
    }
}

impl From<Batch> for Bytes {
    fn from(batch: Batch) -> Bytes {
        batch.bytes()
    }
}

fn sealed(mut batch: BytesMut) -> Bytes {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES..]);
    batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    batch.freeze()
}

fn put_varint(out: &mut BytesMut, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.put_u8(left as u8 | 0x80);
        left >>= 7;
    }
    out.put_u8(left as u8);
}

/// One message of the formats before record batches, magic 0 or 1.
pub(crate) fn old_message(magic: u8, value: &str) -> Bytes {
    let mut message = BytesMut::new();
    message.put_u8(magic);
    message.put_u8(0);
    if magic == 1 {
        message.put_i64(now());
    }
    message.put_i32(-1); // key
    message.put_i32(value.len() as i32);
    message.put_slice(value.as_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&message);
    let mut out = BytesMut::new();
    out.put_i64(0);
    out.put_i32(4 + message.len() as i32);
    out.put_u32(crc.sum());
    out.put_slice(&message);
    out.freeze()
}
