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

    /// Sends what the open window holds and is not sent yet, once nothing is on its way any more.
    ///
    /// An idempotent client sends a partition nothing while five messages of it are unacknowledged
    /// (`RD_KAFKA_IDEMP_MAX_INFLIGHT`), and while others wait for that, librdkafka's thread (2.12.1) asks
    /// again and again whether they may go: half a core, which a broker beside it does not have
    /// (bench/README.md). Here they wait for nothing.
    pub(crate) fn send(&mut self, core: &Core) {
        if self.closing.is_none() && self.is_held() && !self.producer.is_sending() {
            self.send_all(core);
        }
    }

    /// Whether the open window holds what is not sent yet.
    fn is_held(&self) -> bool {
        let Some(sending) = self.sending.as_ref().filter(|sending| sending.failed.is_none()) else {
            return false;
        };
        let batch = self.batches.iter().find(|(known, _)| *known == sending.batch);
        batch.is_some_and(|(_, batch)| batch.entries().len() > sending.next)
    }

    /// Sends it whatever is on its way.
    fn send_all(&mut self, core: &Core) {
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

    /// Nothing more comes for now: outputs that are seen at once need not wait for company, and those held
    /// back only until what is on its way has arrived.
    pub(crate) fn hurry(&mut self) {
        let held = self.is_held();
        let Some(sending) = self.sending.as_mut().filter(|_| !self.worksite.outputs_wait) else {
            return;
        };
        if held || sending.next > sending.hurried {
            sending.hurried = sending.next;
            self.ask_to_hurry();
        }
    }

    fn ask_to_hurry(&mut self) {
        if !self.hurrying {
            self.hurrying = true;
            self.courier.ask(Job::Hurry(self.producer.clone()));
        }
    }

    /// What was on its way has arrived, or takes long.
    pub(crate) fn hurried(&mut self, core: &Core) -> Result<(), String> {
        self.hurrying = false;
        match self.closing.take() {
            Some(id) => self.close(core, id),
            None => Ok(()),
        }
    }

    /// Has the window committed, after the rest of it was sent, which first waits for what is on its way;
    /// the end comes as a reply.
    pub(crate) fn commit(&mut self, core: &Core, id: WindowId) -> Result<(), String> {
        let begun = self.sending.as_ref().is_some_and(|sending| sending.window == id);
        if begun && self.is_held() && self.producer.is_sending() {
            self.closing = Some(id);
            self.ask_to_hurry();
            return Ok(());
        }
        self.close(core, id)
    }

    fn close(&mut self, core: &Core, id: WindowId) -> Result<(), String> {
        let Some(window) = core.window(id) else { return Ok(()) };
        if self.acknowledged != Some(id) {
            if self.sending.as_ref().is_none_or(|sending| sending.window != id) {
                self.begin(core, id);
            }
            self.send_all(core);
        }
        let mut failed = self.sending.take().and_then(|sending| sending.failed);
        if window.cut {
            // A partition was lost while the rest waited: its outputs would be seen without its offsets.
            failed = failed.or(Some(Ended::Aborted));
        }
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

#[cfg(test)]
mod tests;
