//! Producer ids: never the same twice, also not after a crash.

use super::Transactions;
use super::record::{Key, Record, Value};
use super::step::Step;

/// So many are reserved with one record.
const BLOCK: i64 = 1_000;

impl Transactions {
    /// An id that nobody had before.
    pub(super) fn new_producer_id(&mut self, step: &mut Step) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        if id >= self.reserved {
            self.reserved = id + BLOCK;
            let value = Some(Value::ProducerIds(self.reserved));
            step.records.push(Record { key: Key::ProducerIds, value });
        }
        id
    }

    /// This id, and all below, may have been given out.
    pub(super) fn given_out(&mut self, id: i64) {
        self.next_id = self.next_id.max(id + 1);
        self.reserved = self.next_id;
    }
}
