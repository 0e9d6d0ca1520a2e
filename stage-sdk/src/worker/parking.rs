//! Records into the retry lane, and how those in it stand.

use super::Worker;
use super::attempt::Attempt;
use crate::core::{Id, Note, Partition, Policy, Rest};
use crate::record::Record;
use crate::stage::Stage;
use std::future::Future;

impl<S: Stage, F: Future<Output = Attempt>> Worker<S, F> {
    /// Writes a record of the input to the lane, and forgets it.
    pub(super) fn park_record(
        &mut self,
        id: Id,
        of: Partition,
        note: &Note,
        hand: Option<&Record<'_>>,
    ) {
        self.forget_and(id, hand, |worker, record, error| {
            worker.say_where(of, record, note, error);
            worker.kafka.park(&worker.core, of, record, note, error);
        });
    }

    /// Writes how a record of the lane stands.
    pub(super) fn note_record(&mut self, id: Id, note: &Note, hand: Option<&Record<'_>>) {
        let input = self.held(id).input;
        self.forget_and(id, hand, |worker, record, error| {
            let of = Partition { input, number: record.partition };
            if note.rest == Rest::Held {
                worker.say_where(of, record, note, error);
            }
            worker.kafka.note(&worker.core, of, record, note, error);
        });
    }

    /// Forgets the record; `write` has its bytes, and how it failed last.
    fn forget_and(
        &mut self,
        id: Id,
        hand: Option<&Record<'_>>,
        write: impl FnOnce(&mut Self, &Record<'_>, Option<&str>),
    ) {
        let held = self.held(id);
        let (kept, trouble) = (held.kept.take(), held.trouble.take());
        let record = kept.as_ref().map(|kept| kept.record()).or(hand.copied());
        if let Some(record) = record {
            write(self, &record, trouble.as_ref().map(|trouble| trouble.text.as_str()));
        }
    }

    /// One line when a key is blocked, one when a record is held; none for what comes behind, nor for
    /// each record that waits by itself.
    fn say_where(&self, of: Partition, record: &Record<'_>, note: &Note, error: Option<&str>) {
        let topic = self.kafka.topic(of);
        let key = record.key.map(String::from_utf8_lossy);
        let (partition, offset, attempts) = (record.partition, record.offset, note.attempts);
        match note.rest {
            Rest::Until(_) if self.kafka.worksite.policy == Policy::Ordered => tracing::info!(
                topic,
                partition,
                offset,
                attempts,
                ?key,
                error,
                "its key is blocked: it and what follows of the key wait in the retry topic"
            ),
            Rest::Until(_) | Rest::Behind => {}
            Rest::Held => tracing::warn!(
                topic,
                partition,
                offset,
                attempts,
                ?key,
                error,
                "its attempts are used up, and it is held until somebody decides: keys retry-now, keys skip or keys release"
            ),
        }
    }
}
