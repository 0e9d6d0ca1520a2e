//! Who writes here: sequences, epochs and open transactions of a partition's producers.
//!
//! A batch is taken once and in order, or refused: that is what makes a producer idempotent. All of
//! it can be rebuilt from the log.

use super::batch::{Header, sequence_after};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// How many batches back a repetition is recognised.
const REMEMBERED: usize = 5;

/// A batch that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) first_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: i64,
    pub(crate) timestamp: i64,
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    batches: VecDeque<Taken>,
    /// Where its open transaction begins.
    pub(crate) open_since: Option<i64>,
    pub(crate) coordinator_epoch: i32,
    pub(crate) last_timestamp: i64,
}

impl Producer {
    /// The last sequence number it used in this epoch; -1: none.
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(-1, |batch| batch.last_sequence)
    }
}

/// A transaction whose marker was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) producer: i64,
    pub(crate) first_offset: i64,
    /// The marker's.
    pub(crate) last_offset: i64,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Take it.
    New,
    /// It was taken before.
    Duplicate(Taken),
    /// A number is missing before it.
    OutOfOrder,
    /// A later life of the producer is known.
    Fenced,
    /// A plain batch in the middle of the producer's transaction.
    InTransaction,
}

/// All producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Producers {
    known: FxHashMap<i64, Producer>,
    /// First offset of each open transaction, and whose it is.
    open: BTreeMap<i64, i64>,
}

impl Producers {
    /// Judges a client's batch by what was taken so far.
    pub(crate) fn judge(&self, batch: &Header) -> Verdict {
        let Some(producer) = self.known.get(&batch.producer_id) else { return Verdict::New };
        if batch.producer_epoch < producer.epoch {
            return Verdict::Fenced;
        }
        if batch.producer_epoch > producer.epoch {
            return if batch.base_sequence == 0 { Verdict::New } else { Verdict::OutOfOrder };
        }
        let same = |taken: &&Taken| {
            taken.first_sequence == batch.base_sequence
                && taken.last_sequence == batch.last_sequence()
        };
        if let Some(taken) = producer.batches.iter().find(same) {
            return Verdict::Duplicate(*taken);
        }
        let due = match producer.batches.back() {
            Some(last) => sequence_after(last.last_sequence, 1),
            None => 0,
        };
        if batch.base_sequence != due {
            Verdict::OutOfOrder
        } else if producer.open_since.is_some() && !batch.is_transactional() {
            Verdict::InTransaction
        } else {
            Verdict::New
        }
    }

    /// Notes a batch that stands in the log, also when the log is read again.
    pub(crate) fn took(&mut self, batch: &Header) {
        if !batch.is_idempotent() || batch.is_control() {
            return;
        }
        let producer = self.entry(batch);
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Taken {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            timestamp: batch.max_timestamp,
        });
        if batch.is_transactional() && producer.open_since.is_none() {
            producer.open_since = Some(batch.base_offset);
            self.open.insert(batch.base_offset, batch.producer_id);
        }
    }

    /// Notes a marker; the transaction it ended, if one was open here.
    pub(crate) fn ended(&mut self, marker: &Header, coordinator_epoch: i32) -> Option<Ended> {
        let producer = self.entry(marker);
        producer.coordinator_epoch = coordinator_epoch;
        let first_offset = producer.open_since.take()?;
        self.open.remove(&first_offset);
        let last_offset = marker.base_offset;
        Some(Ended { producer: marker.producer_id, first_offset, last_offset })
    }

    /// The producer of a batch, in the batch's epoch.
    fn entry(&mut self, batch: &Header) -> &mut Producer {
        let producer = self.known.entry(batch.producer_id).or_insert_with(|| Producer {
            epoch: batch.producer_epoch,
            batches: VecDeque::new(),
            open_since: None,
            coordinator_epoch: -1,
            last_timestamp: batch.max_timestamp,
        });
        if batch.producer_epoch > producer.epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        producer.last_timestamp = batch.max_timestamp;
        producer
    }

    /// Where the first open transaction begins.
    pub(crate) fn first_open(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Whether this producer has a transaction open here.
    pub(crate) fn is_open(&self, producer: i64) -> bool {
        self.known.get(&producer).is_some_and(|known| known.open_since.is_some())
    }

    /// Forgets who wrote nothing since `before` and has nothing open.
    pub(crate) fn expire(&mut self, before: i64) {
        self.known.retain(|_, known| known.open_since.is_some() || known.last_timestamp >= before);
    }

    /// Every producer and its id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.known.iter().map(|(id, known)| (*id, known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, sequence: i32, count: i32) -> Header {
        Header {
            base_offset: i64::from(sequence),
            size: 100,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 1,
            producer_epoch: epoch,
            base_sequence: sequence,
            count,
        }
    }

    fn transactional(header: Header) -> Header {
        Header { attributes: 1 << 4, ..header }
    }

    #[test]
    fn a_repeated_batch_is_found_five_batches_back_and_no_further() {
        let mut producers = Producers::default();
        for sequence in 0..6 {
            assert_eq!(producers.judge(&batch(0, sequence, 1)), Verdict::New);
            producers.took(&batch(0, sequence, 1));
        }
        for sequence in 1..6 {
            let Verdict::Duplicate(taken) = producers.judge(&batch(0, sequence, 1)) else {
                panic!("{sequence} is not recognised")
            };
            assert_eq!(taken.base_offset, i64::from(sequence));
        }
        assert_eq!(producers.judge(&batch(0, 0, 1)), Verdict::OutOfOrder);
    }

    #[test]
    fn a_gap_is_refused_and_the_wrap_is_none() {
        let mut producers = Producers::default();
        producers.took(&batch(0, i32::MAX - 1, 2));
        assert_eq!(producers.judge(&batch(0, 1, 1)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&batch(0, 0, 1)), Verdict::New);
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old() {
        let mut producers = Producers::default();
        producers.took(&batch(1, 0, 3));
        assert_eq!(producers.judge(&batch(2, 3, 1)), Verdict::OutOfOrder);
        assert_eq!(producers.judge(&batch(2, 0, 1)), Verdict::New);
        assert_eq!(producers.judge(&batch(0, 3, 1)), Verdict::Fenced);
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere() {
        assert_eq!(Producers::default().judge(&batch(0, 17, 1)), Verdict::New);
    }

    #[test]
    fn a_transaction_is_open_from_its_first_batch_to_its_marker() {
        let mut producers = Producers::default();
        producers.took(&transactional(batch(0, 0, 3)));
        producers.took(&transactional(batch(0, 3, 1)));
        assert_eq!(producers.first_open(), Some(0));
        assert_eq!(producers.judge(&batch(0, 4, 1)), Verdict::InTransaction);
        let ended = producers.ended(&Header { base_offset: 9, ..batch(0, -1, 1) }, 0);
        assert_eq!(ended, Some(Ended { producer: 1, first_offset: 0, last_offset: 9 }));
        assert_eq!(producers.first_open(), None);
        assert_eq!(producers.ended(&batch(0, -1, 1), 0), None);
    }

    #[test]
    fn a_marker_of_a_later_epoch_fences() {
        let mut producers = Producers::default();
        producers.took(&transactional(batch(3, 0, 1)));
        producers.ended(&batch(4, -1, 1), 0);
        assert_eq!(producers.judge(&batch(3, 1, 1)), Verdict::Fenced);
        assert_eq!(producers.judge(&batch(4, 0, 1)), Verdict::New);
    }
}
