//! One attempt at a record: start the handler, take its outputs or its failure.

use super::Worker;
use crate::batch::{Batch, Mark};
use crate::context::Context;
use crate::core::{Disposition, Event, Id, Outcome, Policy};
use crate::dead_letter::Trouble;
use crate::failure::{Failure, Kind};
use crate::handlers::{End, panic_text};
use crate::record::{Kept, Record};
use crate::stage::Stage;
use crate::{Decode, Output};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

/// Where an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Decoding,
    Stage,
    Production,
}

impl Where {
    /// What is told of a failure there.
    pub(crate) fn trouble(self, failure: &Failure) -> Trouble {
        let instead = match self {
            Where::Decoding if failure.kind == Kind::Reject => Some("deserialization"),
            Where::Production if failure.kind == Kind::Reject => Some("production"),
            _ => None,
        };
        Trouble::of(failure, instead)
    }
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Outcome {
        match failure.kind {
            Kind::Retry => Outcome::Retry(failure.after),
            Kind::Unavailable => Outcome::Unavailable,
            Kind::Reject => Outcome::Reject,
            Kind::Fatal => Outcome::Fatal,
        }
    }
}

/// How an attempt came out.
pub(crate) type Attempt = std::result::Result<(), (Where, Failure)>;

/// The bytes of an attempt's outputs, which are in the filling batch; none: there are none.
pub(super) type Released = std::result::Result<Option<usize>, (Where, Failure)>;

/// What is remembered of a record in flight.
#[derive(Default)]
pub(super) struct Held {
    pub(super) input: u16,
    pub(super) kept: Option<Rc<Kept>>,
    pub(super) trouble: Option<Trouble>,
    /// What it met with before it came to this worker: failed attempts, and when the first was.
    tried: (u32, Option<Duration>),
    pub(super) context: Option<Rc<Context>>,
}

/// One attempt, traced if somebody traces the record. A function by itself: around each attempt it costs 80
/// instructions, also where nobody traces anything.
#[cfg(feature = "otel")]
pub(crate) async fn attempt<S: Stage>(stage: &S, record: Record<'_>, cx: &Context) -> Attempt {
    let span = cx.tracer().begin(&record, cx);
    let result = handle(stage, record, cx).await;
    span.end(&result);
    result
}

#[cfg(not(feature = "otel"))]
pub(crate) use handle as attempt;

/// Decode, call, encode: one attempt.
pub(crate) async fn handle<S: Stage>(stage: &S, record: Record<'_>, cx: &Context) -> Attempt {
    let input = S::In::decode(record).map_err(|failure| (Where::Decoding, failure))?;
    let output = stage.call(input, cx).await.map_err(|failure| (Where::Stage, failure))?;
    output.write(&mut cx.emit()).map_err(|failure| (Where::Production, failure))
}

impl<S: Stage, F: Future<Output = Attempt>> Worker<S, F> {
    pub(super) fn start(&mut self, id: Id, hand: Option<&Record<'_>>) {
        let Some(slot) = self.core.slot(id) else { return };
        let (input, attempts, tried) =
            (slot.partition.input, slot.attempts + 1, (slot.attempts, slot.first));
        let held = self.held(id);
        held.input = input;
        if held.trouble.is_none() {
            held.tried = tried;
        }
        let kept = held.kept.clone();
        let record = match (&kept, hand) {
            (Some(kept), _) => kept.record(),
            (None, Some(hand)) => *hand,
            (None, None) => return,
        };
        if let Some((place, failure)) = self.failed_early.take() {
            return self.failed(id, place, failure);
        }
        if S::INLINE {
            let begun = self.time();
            let result = self.inline(input, &record, attempts);
            self.core.attempted(self.time() - begun, 1);
            return self.released(id, result);
        }
        if let Err((place, failure)) = self.has_key(&record) {
            return self.failed(id, place, failure);
        }
        let kept = kept.clone().unwrap_or_else(|| Rc::new(Kept::of(&record)));
        let make = &self.make_context;
        let held = &mut self.held[id.slot()];
        held.kept = Some(kept.clone());
        let context = held.context.get_or_insert_with(|| Rc::new(make())).clone();
        context.set(input, &kept.record(), attempts);
        let future = (self.spawn)(self.stage.clone(), kept, context);
        if let Some(end) = self.handlers.start(id.slot(), future) {
            self.ended(id, end);
        }
    }

    fn has_key(&self, record: &Record<'_>) -> Attempt {
        match self.kafka.worksite.key_required && record.key.is_none() {
            true => {
                let text = "the record has no key, and this stage requires one";
                Err((Where::Stage, Failure::reject(text)))
            }
            false => Ok(()),
        }
    }

    /// Runs a sync stage, which writes straight into the window's batch; gives its outputs' bytes,
    /// none: there are none. A failure leaves nothing in the batch.
    pub(super) fn inline(&mut self, input: u16, record: &Record<'_>, attempt: u32) -> Released {
        self.has_key(record)?;
        let (stage, context) = (self.stage.clone(), self.context.clone());
        context.set(input, record, attempt);
        context.swap(self.kafka.filling(&self.core));
        let mark = context.mark();
        let run = || {
            let future = pin!(self::attempt(&*stage, *record, &context));
            future.poll(&mut task::Context::from_waker(Waker::noop()))
        };
        let end = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Poll::Ready(result)) => Ok(result),
            Ok(Poll::Pending) => Ok(Err((Where::Stage, not_inline()))),
            Err(panic) => Err(panic),
        };
        context.swap(self.kafka.filling(&self.core));
        let result = self.outcome(end);
        self.checked(result, mark)
    }

    /// An async handler ended: its outputs go from its own batch into the window's.
    pub(super) fn ended(&mut self, id: Id, end: End<Attempt>) {
        let result = self.outcome(end);
        let place = self.core.slot(id).map(|slot| (slot.partition, slot.offset));
        let mut own = Batch::default();
        if let Some(context) = self.held(id).context.clone() {
            context.swap(&mut own);
            let filling = self.kafka.filling(&self.core);
            let mark = filling.mark();
            if let (Ok(()), Some((partition, offset))) = (&result, place) {
                filling.append(&own, partition, offset);
            }
            own.clear();
            context.swap(&mut own);
            let result = self.checked(result, mark);
            self.released(id, result);
        }
    }

    /// Outputs are in the filling batch since the mark; a failure, also that they cannot go where
    /// they are meant to, takes them out again.
    fn checked(&mut self, result: Attempt, mark: Mark) -> Released {
        let filling = self.kafka.filling(&self.core);
        let bytes = filling.since(mark);
        let check = |()| match bytes {
            None => Ok(()),
            Some(_) => self.kafka.check(mark).map_err(|failure| (Where::Production, failure)),
        };
        let result = result.and_then(check);
        if result.is_err() {
            self.kafka.filling(&self.core).cut(mark);
        }
        result.map(|()| bytes)
    }

    fn released(&mut self, id: Id, result: Released) {
        match result {
            Ok(bytes) => {
                self.held(id).clear();
                self.done(id, Outcome::Output(bytes));
            }
            Err((place, failure)) => self.failed(id, place, failure),
        }
    }

    pub(super) fn failed(&mut self, id: Id, place: Where, failure: Failure) {
        self.note(id, place.trouble(&failure));
        if let Some(slot) = self.core.slot(id) {
            let (topic, attempt) = (self.kafka.topic(slot.partition).to_owned(), slot.attempts + 1);
            tracing::debug!(topic, partition = slot.partition.number, offset = slot.offset, attempt,
                error = failure.text(), kind = ?failure.kind, "record failed");
            let stops = self.kafka.worksite.policy == Policy::Stop;
            if failure.kind == Kind::Fatal || stops && failure.kind != Kind::Unavailable {
                self.verdict = Some(format!(
                    "record {topic} partition {} offset {} stopped the stage: {}; it is not committed and comes first after a restart",
                    slot.partition.number,
                    slot.offset,
                    failure.text()
                ));
            }
        }
        self.done(id, Outcome::from(&failure));
    }

    /// Tells the core; what it decides then is done by the loop in `act`.
    pub(super) fn done(&mut self, id: Id, outcome: Outcome) {
        self.core.step(self.now, Event::Done { id, outcome }, &mut self.effects);
    }

    pub(super) fn outcome(&mut self, end: End<Attempt>) -> Attempt {
        end.unwrap_or_else(|panic| {
            // What the panic left of the stage value is not trusted.
            self.stage = Rc::new(self.pristine.clone());
            let text = panic_text(&*panic);
            Err((Where::Stage, Failure::new(Kind::Retry, anyhow::anyhow!(text))))
        })
    }

    pub(super) fn keep(&mut self, id: Id, hand: Option<&Record<'_>>) {
        let place = self.core.slot(id).map(|slot| (slot.partition.number, slot.offset));
        let held = self.held(id);
        if let Some(record) = hand
            && held.kept.is_none()
            && place == Some((record.partition, record.offset))
        {
            held.kept = Some(Rc::new(Kept::of(record)));
        }
    }

    pub(super) fn dead_letter(&mut self, id: Id, why: Disposition, hand: Option<&Record<'_>>) {
        let held = self.held(id);
        let (input, kept, trouble) = (held.input, held.kept.take(), held.trouble.take());
        let record = kept.as_ref().map(|kept| kept.record()).or(hand.copied());
        if let (Some(record), Some(trouble)) = (record, trouble) {
            self.kafka.dead_letter(&self.core, input, &record, &trouble, why);
        }
    }

    pub(super) fn note(&mut self, id: Id, trouble: Trouble) {
        let held = self.held(id);
        held.trouble = Some(match held.trouble.take() {
            Some(before) => before.and(trouble),
            None => {
                let (attempts, first) = held.tried;
                let first = first.map_or(trouble.first, |first| first.as_millis() as i64);
                Trouble { attempts: attempts + 1, first, ..trouble }
            }
        });
    }

    pub(super) fn held(&mut self, id: Id) -> &mut Held {
        if self.held.len() <= id.slot() {
            self.held.resize_with(id.slot() + 1, Held::default);
        }
        &mut self.held[id.slot()]
    }
}

impl Held {
    pub(super) fn clear(&mut self) {
        self.kept = None;
        self.trouble = None;
    }
}

fn not_inline() -> Failure {
    Failure::new(Kind::Fatal, anyhow::anyhow!("a stage with INLINE = true waited"))
}
