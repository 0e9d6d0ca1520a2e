//! A client's batch, as Produce checks it.

use crate::api::produce::check::check;
use crate::log::batch::{HEADER, Header, seal};
use crate::log::record::{self, Records};
use crate::topic::Rules;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;

/// Later than the records of the corpus, and within a day of them.
const NOW: i64 = 1_800_000_000_000;

/// The first byte says what its topic wants, and whether the checksum is made right first: else
/// nothing would be tried that comes after it. What is taken can be read by everybody.
pub fn batch(data: &[u8]) {
    let Some((&flags, data)) = data.split_first() else { return };
    let mut bytes = BytesMut::from(data);
    if flags & 1 != 0 && bytes.len() >= HEADER {
        seal(&mut bytes);
    }
    let mut rules = Rules::new(&BTreeMap::new(), &BTreeMap::new());
    rules.compact = flags & 2 != 0;
    rules.append_time = flags & 4 != 0;
    let version = if flags & 8 != 0 { 3 } else { 11 };
    let bytes = bytes.freeze();
    let Ok((header, stored)) = check(&bytes, &rules, version, NOW) else { return };
    taken(&bytes, header, &stored);
}

fn taken(bytes: &Bytes, header: Header, stored: &Bytes) {
    assert_eq!(Header::check(stored), Ok(header), "it is stored as it was judged");
    assert!(stored.len() == header.size && header.size <= bytes.len());
    let body = record::body(&header, stored, 1 << 30).expect("it was unpacked once");
    let records: Vec<_> = Records::plain(&body).collect();
    assert_eq!(records.len(), header.count as usize);
    for (number, record) in records.into_iter().enumerate() {
        let record = record.expect("a record");
        assert!(record.is_whole() && record.offset_delta == number as i32);
    }
}
