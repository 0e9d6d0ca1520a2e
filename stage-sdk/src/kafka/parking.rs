//! Records into the retry topic, and notes of them in the redirect topic, on their way into a window.

use super::Kafka;
use crate::batch::{Batch, Place};
use crate::control;
use crate::core::{Answer, Core, Note, Partition, Rest};
use crate::lane::PREFIX;
use crate::record::{Headers, Record, pack};
use crate::redirect::{self, Entry};
use std::convert::Infallible;

impl Kafka {
    /// Writes a record of the input to the retry topic, and that it is there to the redirect topic.
    pub(crate) fn park(
        &mut self,
        core: &Core,
        source: Partition,
        record: &Record<'_>,
        note: &Note,
        error: Option<&str>,
    ) {
        let name = redirect::name(self.topic(source), record.partition, record.offset);
        let mut headers = Vec::new();
        for (name, value) in Headers::new(record.headers) {
            if !name.starts_with(PREFIX) {
                pack(&mut headers, name, value);
            }
        }
        let mut put = |name: &str, value: String| {
            pack(&mut headers, &format!("{PREFIX}{name}"), Some(value.as_bytes()));
        };
        put("id", name.clone());
        put("attempts", note.attempts.to_string());
        if let Some(edition) = redirect::edition_text(note.edition) {
            put("edition", edition);
        }
        if let Rest::Until(at) = note.rest {
            put("due", at.as_millis().to_string());
        }
        let place = Place {
            source,
            offset: record.offset,
            target: super::RETRY,
            partition: Some(record.partition),
            time: record.time,
            key: record.key,
            headers: &headers,
        };
        push(self.filling(core), place, record.value);
        self.note(core, source, record, note, error);
    }

    /// Writes to the redirect topic how a parked record stands.
    pub(crate) fn note(
        &mut self,
        core: &Core,
        source: Partition,
        record: &Record<'_>,
        note: &Note,
        error: Option<&str>,
    ) {
        let entry = Entry::new(record.key, note, error);
        // A struct of texts and numbers has a JSON form.
        let value = serde_json::to_vec(&entry).unwrap_or_default();
        self.redirect(core, source, record.offset, Some(&value));
    }

    /// Writes to the redirect topic that a record is no longer parked.
    pub(crate) fn free(&mut self, core: &Core, lane: Partition, offset: i64) {
        self.redirect(core, lane, offset, None);
    }

    /// Writes to the redirect topic that an operator's command is carried out.
    pub(crate) fn answer(&mut self, core: &Core, lane: Partition, offset: i64, answer: Answer) {
        let (name, headers) = (control::name(answer.command), control::answered(answer));
        let place = redirect_place(lane, offset, &name);
        let place = Place { target: super::CONTROL, headers: &headers, ..place };
        push(self.filling(core), place, None);
    }

    fn redirect(&mut self, core: &Core, source: Partition, offset: i64, value: Option<&[u8]>) {
        let name = redirect::name(self.topic(source), source.number, offset);
        let place = redirect_place(source, offset, &name);
        push(self.filling(core), place, value);
    }

    /// The tombstone of a lane's record, where its outputs are replaced.
    pub(super) fn push_tombstone(&self, batch: &mut Batch, lane: Partition, offset: i64) {
        let name = redirect::name(self.topic(lane), lane.number, offset);
        push(batch, redirect_place(lane, offset, &name), None);
    }
}

fn redirect_place(source: Partition, offset: i64, name: &str) -> Place<'_> {
    Place {
        source,
        offset,
        target: super::REDIRECT,
        partition: Some(source.number),
        time: -1,
        key: Some(name.as_bytes()),
        headers: &[],
    }
}

fn push(batch: &mut Batch, place: Place<'_>, value: Option<&[u8]>) {
    let write = value.map(|value| {
        move |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(value);
            Ok::<(), Infallible>(())
        }
    });
    batch.push(place, write).ok();
}
