//! Reads as a consumer does: aborted transactions are left out by the list that comes along.

use super::log::Record;
use crate::ask::fetch::Fetch;
use crate::ask::topic::Place;
use crate::batch::TRANSACTIONAL;
use crate::line::Line;
use bytes::Bytes;
use std::collections::BTreeSet;

/// What one fetch brought.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    pub(crate) records: Vec<(i64, Record)>,
    /// Where to go on.
    pub(crate) next: i64,
}

pub(crate) fn fetch(
    line: &mut Line,
    place: &Place,
    from: i64,
    committed: bool,
    limit: i32,
) -> Seen {
    let fetch = Fetch::from(place.clone(), from).limited(limit, limit);
    let fetch = if committed { fetch.committed() } else { fetch };
    let read = line.fetch(12, &fetch).expect("a fetch");
    let mut aborted = read.aborted.clone();
    aborted.sort_by_key(|(_, first)| *first);
    let mut aborted = aborted.into_iter().peekable();
    let mut left_out = BTreeSet::new();
    let (mut records, mut next) = (Vec::new(), from);
    for batch in &read.batches {
        while let Some((producer, _)) = aborted.next_if(|(_, first)| *first <= batch.last_offset) {
            left_out.insert(producer);
        }
        next = batch.last_offset + 1;
        if batch.is_control() {
            if !batch.commits() {
                left_out.remove(&batch.producer.id);
            }
        } else if batch.attributes & TRANSACTIONAL == 0 || !left_out.contains(&batch.producer.id) {
            let placed = batch.placed().into_iter().filter(|(offset, ..)| *offset >= from);
            records.extend(placed.map(|(offset, key, value)| (offset, record(key, value))));
        }
    }
    let (high_watermark, last_stable) = (read.high_watermark, read.last_stable);
    Seen { high_watermark, last_stable, records, next }
}

fn record(key: Option<Bytes>, value: Option<Bytes>) -> Record {
    let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
    Record { key: text(key.expect("a key")), value: value.map(text) }
}
