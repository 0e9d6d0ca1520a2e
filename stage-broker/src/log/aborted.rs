//! Which transactions were aborted: a read-committed reader is told, and skips their records.

use super::producers::Ended;
use serde::{Deserialize, Serialize};

/// The aborted transactions of a partition, in the order of their markers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aborted(Vec<Ended>);

impl Aborted {
    pub(crate) fn push(&mut self, ended: Ended) {
        self.0.push(ended);
    }

    /// Those that have a record or their marker at `from` or later, and began before `to`.
    pub(crate) fn between(&self, from: i64, to: i64) -> impl Iterator<Item = &Ended> {
        let first = self.0.partition_point(|ended| ended.last_offset < from);
        self.0[first..].iter().filter(move |ended| ended.first_offset < to)
    }

    /// Whether a producer's record at this offset belongs to one of them.
    pub(crate) fn contains(&self, producer: i64, offset: i64) -> bool {
        self.between(offset, offset + 1).any(|ended| ended.producer == producer)
    }

    /// Forgets those that ended before the log begins.
    pub(crate) fn forget_before(&mut self, start: i64) {
        self.0.retain(|ended| ended.last_offset >= start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_of_what_touches_its_range() {
        let mut aborted = Aborted::default();
        for (producer, first_offset, last_offset) in [(1, 0, 5), (2, 3, 8), (3, 10, 12)] {
            aborted.push(Ended { producer, first_offset, last_offset });
        }
        let told = |from, to| aborted.between(from, to).map(|e| e.producer).collect::<Vec<_>>();
        assert_eq!(told(0, 20), [1, 2, 3]);
        assert_eq!(told(6, 10), [2]);
        assert_eq!(told(5, 3), [1]);
        assert_eq!(told(13, 20), [0_i64; 0]);
        assert!(aborted.contains(2, 4) && !aborted.contains(2, 9) && !aborted.contains(1, 6));
    }
}
