//! The worker of a test: what the core decides is done in memory.

use super::CommitFails;
use super::memory::{DeadLetter, Memory, Write, Written};
use crate::batch::Batch;
use crate::context::{Context, Shared};
use crate::core::{
    Core, Disposition, Effect, Ended, Event, Id, Note, Outcome, Partition, Pending, Settings, Time,
    WindowId,
};
use crate::dead_letter::{self, Trouble};
use crate::failure::{Failure, Kind};
use crate::handlers::{End, Handlers, panic_text};
use crate::record::{self, Headers, Kept};
use crate::stage::Stage;
use crate::worker::{Attempt, Where, attempt};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// What is remembered of a record in flight.
struct Held {
    id: Id,
    place: (Partition, i64),
    context: Rc<Context>,
    trouble: Option<Trouble>,
}

/// What a window is to write: its batch, the record it comes of, and what.
type Staged = (u64, Partition, i64, Write);

pub(super) struct Worker<S> {
    core: Core,
    effects: VecDeque<Effect>,
    /// What Kafka answers.
    answers: VecDeque<Event<'static>>,
    pristine: S,
    stage: Rc<S>,
    shared: Rc<Shared>,
    held: Vec<Option<Held>>,
    handlers: Handlers<Pin<Box<dyn Future<Output = Attempt>>>>,
    wake: Arc<Notify>,
    runtime: Runtime,
    /// What comes next of each partition, and which are paused.
    next: BTreeMap<Partition, i64>,
    paused: BTreeSet<Partition>,
    arriving: (Partition, i64),
    staged: Vec<Staged>,
    exited: bool,
    now: Time,
}

impl<S: Stage> Worker<S> {
    /// One that takes over what the memory says.
    pub(super) fn new(
        stage: &S,
        shared: &Rc<Shared>,
        settings: &Settings,
        memory: &Memory,
        now: Time,
    ) -> Worker<S> {
        let wake = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // A window's tag is to be unlike that of any worker before.
        let incarnation = rand::random();
        let mut worker = Worker {
            core: Core::new(Settings { incarnation, ..settings.clone() }),
            effects: VecDeque::new(),
            answers: VecDeque::new(),
            pristine: stage.clone(),
            stage: Rc::new(stage.clone()),
            shared: shared.clone(),
            held: Vec::new(),
            handlers: Handlers::new(wake.clone()),
            wake,
            runtime: runtime.unwrap_or_else(|error| panic!("no runtime for a test: {error}")),
            next: BTreeMap::new(),
            paused: BTreeSet::new(),
            arriving: (Partition::default(), 0),
            staged: Vec::new(),
            exited: false,
            now,
        };
        let all = memory.partitions();
        worker.core.step(now, Event::Assigned(&all), &mut worker.effects);
        worker
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.core.deadline().filter(|_| !self.exited)
    }

    /// How the records failed last that are not done with: key, attempts, error.
    pub(super) fn troubles(&self) -> Vec<String> {
        let open = self.held.iter().flatten().filter(|held| self.core.slot(held.id).is_some());
        let text = |held: &Held| {
            let Trouble { attempts, text, .. } = held.trouble.as_ref()?;
            let key = held.context.key().unwrap_or_default();
            Some(format!("{:?} after {attempts} attempts: {text}", String::from_utf8_lossy(&key)))
        };
        open.filter_map(text).collect()
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exited
    }

    /// Does all that can be done now; handlers may take so long in real time.
    pub(super) fn work(&mut self, memory: &mut Memory, now: Time, patience: Duration) {
        self.now = now;
        self.act(memory);
        while !self.exited {
            let mut busy = false;
            while let Some(event) = self.answers.pop_front() {
                self.step(memory, event);
                busy = true;
            }
            busy |= self.receive(memory);
            busy |= self.finish(memory, patience);
            if busy {
                continue;
            }
            let is_due = self.core.deadline().is_some_and(|due| due <= now);
            let ticked = is_due && self.step(memory, Event::Tick);
            let quiet = self.step(memory, Event::Quiet);
            if !ticked && !quiet {
                return;
            }
        }
    }

    /// Tells the core, and does what it says; whether that was anything.
    fn step(&mut self, memory: &mut Memory, event: Event<'_>) -> bool {
        self.core.step(self.now, event, &mut self.effects);
        self.act(memory)
    }

    fn receive(&mut self, memory: &mut Memory) -> bool {
        let mut any = false;
        for partition in memory.partitions() {
            while self.core.wants_records()
                && !self.paused.contains(&partition)
                && let Some(offset) = self.next.get(&partition).copied()
                && let Some(kept) = memory.record(partition, offset)
            {
                self.next.insert(partition, offset + 1);
                self.arriving = (partition, offset);
                let record = kept.record();
                let key = record.key.map(|key| record::hash(partition, key));
                let bytes = record.len();
                self.step(memory, Event::Record { partition, offset, key, bytes });
                any = true;
            }
        }
        any
    }

    /// Waits for the handlers that run.
    fn finish(&mut self, memory: &mut Memory, patience: Duration) -> bool {
        let (mut any, until) = (false, Instant::now() + patience);
        while !self.handlers.is_empty() {
            let next = {
                let _timers = self.runtime.enter();
                self.handlers.next()
            };
            match next {
                Some((slot, Some(end))) => {
                    if let Some(id) = self.core.id_at(slot) {
                        self.ended(id, end);
                        self.act(memory);
                    }
                    any = true;
                }
                Some((_, None)) => {}
                None => {
                    let (wake, wait) = (self.wake.clone(), until - Instant::now().min(until));
                    let woken = async move { tokio::time::timeout(wait, wake.notified()).await };
                    let woken = self.runtime.block_on(woken);
                    assert!(woken.is_ok(), "a handler has waited for {patience:?}");
                }
            }
        }
        any
    }

    /// Does what the core decided; whether that was anything.
    fn act(&mut self, memory: &mut Memory) -> bool {
        let mut any = false;
        while let Some(effect) = self.effects.pop_front() {
            any = true;
            match effect {
                Effect::Start(id) => self.start(memory, id),
                Effect::Keep(id) => _ = self.held(id),
                Effect::Cancel(id) | Effect::Forget(id) => self.handlers.cancel(id.slot()),
                Effect::DeadLetter(id, why) => self.dead_letter(memory, id, why),
                Effect::Park(id, _, note) => {
                    let place = self.held(id).place;
                    if let Some(kept) = memory.record(place.0, place.1) {
                        self.stage(place, Write::Park(kept));
                    }
                    self.note(memory, place, note);
                }
                Effect::Note(id, note) => {
                    let place = self.held(id).place;
                    self.note(memory, place, note);
                }
                Effect::Free(lane, offset, _) => self.stage((lane, offset), Write::Free),
                Effect::Commit(window) => self.commit(memory, window),
                Effect::Abort(window) => {
                    self.answers.push_back(Event::Ended(window, Ended::Aborted));
                }
                Effect::Renew => self.answers.push_back(Event::Renewed),
                Effect::Lookup(window) => self.look_up(memory, window),
                Effect::Recycle(batch) => self.staged.retain(|(of, ..)| *of != batch),
                Effect::Pause(partitions) => self.paused.extend(partitions),
                Effect::Resume(partitions) => self.paused.retain(|p| !partitions.contains(p)),
                Effect::Restore(partitions) => {
                    let answer = |p| Event::Restored(p, memory.committed(p));
                    self.answers.extend(partitions.into_iter().map(answer));
                }
                Effect::ReadLane(partition) => {
                    let pending = memory.pending(partition);
                    self.answers.push_back(Event::Parked(partition, pending, 0));
                }
                Effect::Look(partition) => {
                    self.answers.push_back(Event::Commanded(partition, Vec::new()));
                }
                Effect::Fetch(partition, from) => self.fetch(memory, partition, from),
                Effect::Assign(partitions) => {
                    let begin = |(p, offset): (Partition, Option<i64>)| (p, offset.unwrap_or(0));
                    self.next.extend(partitions.into_iter().map(begin));
                }
                Effect::Exit(_) => self.exited = true,
                // Of operators, of refused records, and of partitions that go: nobody does that here.
                Effect::GiveUp(..)
                | Effect::Replay(..)
                | Effect::Postpone(..)
                | Effect::Answer(..)
                | Effect::Replace(..)
                | Effect::Unassign(_) => {}
                Effect::Begin(_) | Effect::Clean(..) | Effect::Open(_) | Effect::Close(_) => {}
            }
        }
        any
    }

    fn start(&mut self, memory: &Memory, id: Id) {
        let Some(attempts) = self.core.slot(id).map(|slot| slot.attempts) else { return };
        let Held { place: (partition, offset), context, .. } = self.held(id);
        let (partition, offset, context) = (partition.source(), *offset, context.clone());
        let Some(kept) = memory.record(partition, offset) else { return };
        context.set(partition.input, &kept.record(), attempts + 1);
        let stage = self.stage.clone();
        let future = async move { attempt(&*stage, kept.record(), &context).await };
        let end = {
            let _timers = self.runtime.enter();
            self.handlers.start(id.slot(), Box::pin(future))
        };
        if let Some(end) = end {
            self.ended(id, end);
        }
    }

    /// A handler's outputs go into the window, or the core hears how it failed.
    fn ended(&mut self, id: Id, end: End<Attempt>) {
        let result = end.unwrap_or_else(|panic| {
            self.stage = Rc::new(self.pristine.clone());
            let text = panic_text(&*panic);
            Err((Where::Stage, Failure::new(Kind::Retry, anyhow::anyhow!(text))))
        });
        let mut own = Batch::default();
        let held = self.held(id);
        held.context.swap(&mut own);
        let place = held.place;
        let outcome = match result {
            Ok(()) => {
                let bytes = own.entries().iter().map(|entry| own.size(entry)).sum();
                let some = !own.entries().is_empty();
                for entry in own.entries() {
                    let written = self.written(&own, entry);
                    self.stage(place, Write::Output(written));
                }
                Outcome::Output(some.then_some(bytes))
            }
            Err((at, failure)) => self.failed(id, at, &failure),
        };
        self.core.step(self.now, Event::Done { id, outcome }, &mut self.effects);
    }

    fn failed(&mut self, id: Id, at: Where, failure: &Failure) -> Outcome {
        let before = self.core.slot(id).map_or(0, |slot| slot.attempts);
        let trouble = at.trouble(failure);
        let held = self.held(id);
        held.trouble = Some(match held.trouble.take() {
            Some(earlier) => earlier.and(trouble),
            None => Trouble { attempts: before + 1, ..trouble },
        });
        Outcome::from(failure)
    }

    fn written(&self, batch: &Batch, entry: &crate::batch::Entry) -> Written {
        let named = entry.target.checked_sub(1);
        let name = named.and_then(|at| self.shared.outputs.get(at as usize));
        let headers = Headers::new(batch.headers(entry));
        Written {
            topic: name.map_or("output", String::as_str).to_owned(),
            key: batch.key(entry).map(<[u8]>::to_vec),
            value: batch.value(entry).map(<[u8]>::to_vec),
            headers: headers.map(|(n, v)| (n.to_owned(), v.map(<[u8]>::to_vec))).collect(),
        }
    }

    fn dead_letter(&mut self, memory: &Memory, id: Id, why: Disposition) {
        let held = self.held(id);
        let (place, trouble) = (held.place, held.trouble.take());
        let record = memory.record(place.0.source(), place.1);
        if let (Some(kept), Some(trouble)) = (record, trouble) {
            let record = kept.record();
            let letter = DeadLetter {
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                disposition: dead_letter::disposition(&trouble, why),
                attempts: trouble.attempts,
                error: trouble.text,
            };
            self.stage(place, Write::Letter(letter));
        }
    }

    fn note(&mut self, memory: &Memory, place: (Partition, i64), note: Note) {
        let (partition, offset) = (place.0.source(), place.1);
        let Some(kept) = memory.record(partition, offset) else { return };
        let key = kept.record().key.map(|key| record::hash(partition, key));
        self.stage(place, Write::Note(Pending { offset, key, note }));
    }

    fn stage(&mut self, (partition, offset): (Partition, i64), write: Write) {
        self.staged.push((self.core.filling().batch, partition, offset, write));
    }

    fn commit(&mut self, memory: &mut Memory, id: WindowId) {
        let fails = memory.failures.pop_front();
        if matches!(fails, None | Some(CommitFails::Unanswered)) {
            self.take_effect(memory, id);
        }
        let ended = match fails {
            None => Ended::Committed,
            Some(CommitFails::Aborted) => Ended::Aborted,
            Some(CommitFails::Silently | CommitFails::Unanswered) => Ended::Unknown,
        };
        self.answers.push_back(Event::Ended(id, ended));
    }

    fn take_effect(&mut self, memory: &mut Memory, id: WindowId) {
        let Some(window) = self.core.window(id) else { return };
        for (partition, position) in window.positions() {
            memory.commit(partition, position);
        }
        let held = |(batch, partition, offset, _): &mut Staged| {
            *batch == window.batch && window.holds(*partition, *offset)
        };
        for (_, partition, offset, write) in self.staged.extract_if(.., held) {
            memory.write(partition, offset, write);
        }
    }

    fn look_up(&mut self, memory: &Memory, id: WindowId) {
        let Some(window) = self.core.window(id) else { return };
        let tag = self.core.tag(id);
        let is_own = |p: Partition| memory.committed(p).is_some_and(|position| position.tag == tag);
        let found = window.positions().any(|(partition, _)| is_own(partition));
        self.answers.push_back(Event::Found(id, found));
    }

    fn fetch(&mut self, memory: &Memory, partition: Partition, from: i64) {
        let parked = memory.parked_from(partition, from);
        let next = parked.last().map_or(from, |(place, _)| place + 1);
        self.answers.extend(parked.iter().map(|(place, kept)| back(partition, *place, kept)));
        self.answers.push_back(Event::Fetched(partition, next, !parked.is_empty()));
    }

    fn held(&mut self, id: Id) -> &mut Held {
        if self.held.len() <= id.slot() {
            self.held.resize_with(id.slot() + 1, || None);
        }
        // A place that another record had before is this one's from now on.
        let place = self.core.slot(id).map_or(self.arriving, |slot| (slot.partition, slot.offset));
        let held = self.held[id.slot()].take().filter(|held| held.id == id);
        self.held[id.slot()].insert(held.unwrap_or_else(|| Held {
            id,
            place,
            context: Rc::new(Context::new(self.shared.clone())),
            trouble: None,
        }))
    }
}

fn back(partition: Partition, place: i64, kept: &Kept) -> Event<'static> {
    let record = kept.record();
    let key = record.key.map(|key| record::hash(partition, key));
    let (offset, bytes) = (record.offset, record.len());
    Event::Back { partition, offset, place, edition: 0, key, bytes }
}
