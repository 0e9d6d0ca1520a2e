//! Windows on their way out: what is sent, when, and with which offsets.

use super::{Kafka, Sending};
use crate::batch::Entry;
use crate::core::{Core, Ended, Window, WindowId};
use crate::courier::Job;
use crate::producer::{Message, Producer};
use crate::record::Headers;
use crate::sink::Row;
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;

impl Kafka {
    pub(crate) fn begin(&mut self, core: &Core, window: WindowId) {
        let Some(content) = core.window(window) else { return };
        let failed = self.producer.begin().err().map(|error| {
            tracing::debug!(%error, "begin");
            Ended::Aborted
        });
        self.leaving = 0;
        self.sending = Some(Sending { window, batch: content.batch, next: 0, hurried: 0, failed });
    }

    /// Sends what the open window holds and is not sent yet.
    pub(crate) fn send(&mut self, core: &Core) {
        let Some(sending) = &mut self.sending else { return };
        if sending.failed.is_some() {
            return;
        }
        let Some(window) = core.window(sending.window) else { return };
        let Some((_, batch)) = self.batches.iter().find(|(known, _)| *known == sending.batch)
        else {
            return;
        };
        while let Some(entry) = batch.get(sending.next) {
            sending.next += 1;
            if !window.holds(entry.source, entry.offset)
                || (self.worksite.is_sink && entry.target == 0)
            {
                continue;
            }
            let message = Message {
                topic: self.worksite.topic(entry.target),
                partition: entry.partition,
                key: batch.key(&entry),
                value: batch.value(&entry),
                headers: Headers::new(batch.headers(&entry)),
                time: entry.time,
            };
            if let Err(error) = self.producer.send(message) {
                tracing::debug!(%error, "send");
                let large =
                    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge);
                sending.failed = Some(if large { Ended::Refused } else { Ended::Aborted });
                return;
            }
            self.leaving += u64::from(entry.target < super::CONTROL);
        }
    }

    /// Nothing more comes for now: outputs that are seen at once need not wait for company.
    pub(crate) fn hurry(&mut self) {
        let Some(sending) = self.sending.as_mut().filter(|_| !self.worksite.outputs_wait) else {
            return;
        };
        if !self.hurrying && sending.next > sending.hurried {
            sending.hurried = sending.next;
            self.hurrying = true;
            self.courier.ask(Job::Hurry(self.producer.clone()));
        }
    }

    pub(crate) fn hurried(&mut self) {
        self.hurrying = false;
    }

    /// Sends the rest of the window and has it committed; the end comes as a reply.
    pub(crate) fn commit(&mut self, core: &Core, id: WindowId) -> Result<(), String> {
        let Some(window) = core.window(id) else { return Ok(()) };
        if self.acknowledged != Some(id) {
            if self.sending.as_ref().is_none_or(|sending| sending.window != id) {
                self.begin(core, id);
            }
            self.send(core);
        }
        let failed = self.sending.take().and_then(|sending| sending.failed);
        if let Some(ended) = failed {
            self.courier.ask(Job::Abort(id, self.producer.clone(), ended));
            return Ok(());
        }
        let parts = window.positions();
        if self.worksite.is_sink {
            let positions = parts.map(|(partition, at)| (partition, at.clone())).collect();
            let rows = self.rows(window);
            self.leaving = rows.len() as u64;
            let job = Job::Store(id, self.producer.clone(), rows, positions);
            self.courier.ask(job);
            return Ok(());
        }
        let offsets = self.consumer.offsets(parts).map_err(|error| error.to_string())?;
        let member = self.consumer.membership();
        self.courier.ask(Job::Commit(id, self.producer.clone(), offsets, member));
        Ok(())
    }

    /// The outputs of a window, for a database.
    fn rows(&self, window: &Window) -> Vec<Row> {
        let batch = self.batches.iter().find(|(known, _)| *known == window.batch);
        let Some((_, batch)) = batch else { return Vec::new() };
        let ours = |entry: &&Entry| entry.target == 0 && window.holds(entry.source, entry.offset);
        let row = |entry: &Entry| Row {
            partition: entry.source.number,
            offset: entry.offset,
            key: batch.key(entry).map(<[u8]>::to_vec),
            value: batch.value(entry).map(<[u8]>::to_vec),
            headers: batch.headers(entry).to_vec(),
        };
        batch.entries().iter().filter(ours).map(row).collect()
    }

    pub(crate) fn abort(&mut self, window: WindowId) {
        self.sending = None;
        self.courier.ask(Job::Abort(window, self.producer.clone(), Ended::Aborted));
    }

    /// A window is committed.
    pub(crate) fn committed(&mut self) {
        self.sent.outputs += std::mem::take(&mut self.leaving);
    }

    /// A window goes again; its outputs too, unless they are acknowledged.
    pub(crate) fn again(&mut self, window: WindowId, acknowledged: bool) {
        self.acknowledged = acknowledged.then_some(window);
    }

    /// Takes a new producer. rdkafka's waits half a second while it is dropped, which no record is to wait for.
    pub(crate) fn renew(&mut self, producer: Arc<Producer>) {
        let old = std::mem::replace(&mut self.producer, producer);
        let dropped = std::thread::Builder::new().name("old producer".into()).spawn(|| drop(old));
        if let Err(error) = dropped {
            tracing::debug!(%error, "the old producer was dropped here");
        }
        self.sending = None;
    }
}
