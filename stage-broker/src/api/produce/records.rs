//! The records inside a client's batch: as many as it says, in order, each with what its topic
//! wants of it. What cannot be read here could be read by no consumer either.

use super::Refusal;
use crate::log::batch::Header;
use crate::log::record::{self, Record, Records};
use crate::topic::Rules;
use kafka_protocol::error::ResponseError;

/// The most a batch may unpack to.
const UNPACKED: usize = 256 << 20;

const NO_KEY: &str = "Compacted topic cannot accept message without key";
const TIME: &str = "the timestamp is further from now than the topic allows";

/// The greatest timestamp of the records, if nothing is wrong with any of them.
pub(super) fn check(
    header: &Header,
    batch: &[u8],
    rules: &Rules,
    now: i64,
) -> Result<i64, Refusal> {
    let invalid = |why| Refusal::new(ResponseError::InvalidRecord, why);
    let body = record::body(header, batch, UNPACKED)
        .map_err(|_| invalid("the records cannot be unpacked"))?;
    let (mut count, mut greatest, mut wrong) = (0, -1, Vec::new());
    for record in Records::plain(&body) {
        let record =
            record.ok().filter(Record::is_whole).ok_or_else(|| invalid("a garbled record"))?;
        if record.offset_delta != count {
            return Err(invalid("the offsets of the records are not one after the other"));
        }
        let time = header.base_timestamp.saturating_add(record.timestamp_delta);
        if rules.compact && record.key.is_none() {
            wrong.push((count, ResponseError::InvalidRecord, NO_KEY));
        } else if !rules.append_time && is_far(time, rules, now) {
            wrong.push((count, ResponseError::InvalidTimestamp, TIME));
        }
        greatest = greatest.max(time);
        count += 1;
    }
    if count != header.count {
        return Err(invalid("there are not as many records as it says"));
    }
    match wrong.first() {
        None => Ok(greatest),
        Some(&(_, error, why)) => Err(Refusal {
            error,
            why,
            records: wrong.into_iter().map(|(index, _, why)| (index, why)).collect(),
        }),
    }
}

/// Whether a topic does not take such a timestamp; none at all is taken.
fn is_far(time: i64, rules: &Rules, now: i64) -> bool {
    time != -1
        && (time.saturating_sub(now) > rules.after_max_ms
            || now.saturating_sub(time) > rules.before_max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOBODY, batch};
    use std::collections::BTreeMap;
    use std::hint::black_box;
    use std::time::Instant;

    /// `cargo test --release -p stage-broker --lib costs -- --ignored --nocapture`
    #[test]
    #[ignore = "it measures"]
    fn what_looking_into_a_batch_costs_a_record() {
        const ROUNDS: usize = 100_000;
        let value = "v".repeat(50);
        let all: Vec<_> = (0..50).map(|_| ("key-1", Some(value.as_str()))).collect();
        let (header, bytes) = batch(NOBODY, 1_000, &all);
        let mut rules = Rules::new(&BTreeMap::new(), &BTreeMap::new());
        rules.before_max_ms = i64::MAX;
        let each = |work: &dyn Fn() -> bool| {
            let begin = Instant::now();
            assert!((0..ROUNDS).all(|_| work()));
            begin.elapsed().as_nanos() as f64 / (ROUNDS * all.len()) as f64
        };
        let look = each(&|| check(&header, black_box(&bytes), &rules, 2_000).is_ok());
        let sum = each(&|| Header::check(black_box(&bytes)).is_ok());
        eprintln!("a record of 62 bytes: {look:.1} ns to look at, {sum:.1} ns for its checksum");
        assert!(look < 1_000.0, "{look} ns");
    }
}
