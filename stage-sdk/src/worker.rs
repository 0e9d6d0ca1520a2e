//! Acts: Kafka and handlers become events, effects become calls.
//!
//! One thread, one consumer, one producer. The order of [`Worker::turn`] is the order in which
//! things happen to a record: receive, handle, release into the window, commit.

mod attempt;
mod operator;
mod parking;
mod report;

pub(crate) use attempt::{Attempt, Where, attempt};

use crate::consumer::{Next, Rebalance, is_fenced};
use crate::context::Context;
use crate::core::counts::{Counts, Histogram};
use crate::core::{Core, Effect, Ended, Event, Exit, Partition};
use crate::courier::{Job, Reply};
use crate::dead_letter::Trouble;
use crate::failure::{Failure, Kind};
use crate::handlers::Handlers;
use crate::kafka::Kafka;
use crate::lane::{self, Back};
use crate::record::{self, Kept, Record};
use crate::stage::Stage;
use crate::telemetry::{Seat, Sent};
use attempt::Held;
use rdkafka::Message as _;
use rdkafka::error::KafkaError;
use report::Reporter;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Records taken before anything else is looked at again.
const TURN: usize = 128;

/// Records taken before the clock is looked at again.
const LOOK: usize = 8;

/// A wake-up could be missed in librdkafka; nothing waits longer than this for one.
const PARK: Duration = Duration::from_millis(500);

/// How a worker is reached from other threads.
pub(crate) struct Line {
    pub(crate) wake: Arc<Notify>,
    pub(crate) stop: Arc<AtomicBool>,
    /// What its operator asks of it.
    pub(crate) orders: Receiver<Event<'static>>,
    /// Where it says how it stands.
    pub(crate) seat: Arc<Seat>,
}

/// One worker.
pub(crate) struct Worker<S, F> {
    core: Core,
    effects: VecDeque<Effect>,
    kafka: Kafka,
    pristine: S,
    stage: Rc<S>,
    /// For attempts that run on the record's own bytes.
    context: Rc<Context>,
    held: Vec<Held>,
    handlers: Handlers<F>,
    spawn: fn(Rc<S>, Rc<Kept>, Rc<Context>) -> F,
    make_context: Box<dyn Fn() -> Context>,
    headers: Vec<u8>,
    errors: operator::Errors,
    replayed: operator::Replayed,
    /// How the arriving record failed before the core was told of it.
    failed_early: Option<(Where, Failure)>,
    /// Since the epoch, when the clock was started.
    born: Duration,
    clock: Instant,
    /// The time as last looked at: the clock costs more than a record.
    now: Duration,
    /// Inline attempts since records were last timed, and when that was.
    untimed: (u32, Duration),
    line: Line,
    told_to_stop: bool,
    reporter: Reporter,
    exit: Option<Exit>,
    /// Why the worker stops by itself.
    verdict: Option<String>,
    /// Another has its place.
    fenced: bool,
}

/// What is left of a worker.
pub(crate) struct Left {
    pub(crate) line: Line,
    /// Why it stopped by itself.
    pub(crate) verdict: Option<String>,
    /// Another has its place: it may begin anew.
    pub(crate) fenced: bool,
    pub(crate) past: Past,
}

/// What was counted, for a worker that begins anew: counts go on as long as the process lives.
#[derive(Default)]
pub(crate) struct Past {
    counts: Counts,
    sent: Sent,
    rebalances: Histogram,
}

impl<S: Stage, F: Future<Output = Attempt>> Worker<S, F> {
    pub(crate) fn new(
        mut core: Core,
        mut kafka: Kafka,
        past: Past,
        stage: S,
        spawn: fn(Rc<S>, Rc<Kept>, Rc<Context>) -> F,
        make_context: Box<dyn Fn() -> Context>,
        line: Line,
    ) -> Self {
        core.goes_on_from(past.counts);
        kafka.sent = past.sent;
        Worker {
            core,
            effects: VecDeque::new(),
            kafka,
            stage: Rc::new(stage.clone()),
            pristine: stage,
            context: Rc::new(make_context()),
            held: Vec::new(),
            handlers: Handlers::new(line.wake.clone()),
            spawn,
            make_context,
            headers: Vec::new(),
            errors: operator::Errors::new(),
            replayed: operator::Replayed::new(),
            failed_early: None,
            born: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            clock: Instant::now(),
            now: Duration::ZERO,
            untimed: (0, Duration::ZERO),
            told_to_stop: false,
            reporter: Reporter::new(line.seat.clone(), past.rebalances),
            line,
            exit: None,
            verdict: None,
            fenced: false,
        }
    }

    /// Works until it is told to stop, or must.
    pub(crate) async fn run(&mut self) -> Exit {
        loop {
            let busy = self.turn();
            if let Some(exit) = self.exit {
                // What was counted since the last look is not to be missing.
                self.report();
                return exit;
            }
            if !busy {
                self.park().await;
            } else if !self.handlers.is_empty() {
                // Lets the runtime serve the timers and sockets that handlers wait for.
                tokio::task::yield_now().await;
            }
        }
    }

    /// One round; whether there may be more to do at once.
    fn turn(&mut self) -> bool {
        if self.line.stop.load(Ordering::Acquire) && !self.told_to_stop {
            self.told_to_stop = true;
            self.step(Event::Stop);
        }
        while let Ok(order) = self.line.orders.try_recv() {
            self.step(order);
        }
        self.replies();
        self.rebalances();
        let received = self.receive();
        let held = !self.core.wants_records();
        self.look();
        let finished = self.finish();
        if self.core.deadline().is_some_and(|due| due <= self.now) {
            self.step(Event::Tick);
        }
        if self.now >= self.reporter.next {
            self.report();
        }
        if received || finished {
            self.kafka.send(&self.core);
            return true;
        }
        self.step(Event::Quiet);
        self.kafka.send(&self.core);
        self.kafka.hurry();
        // Nobody wakes us for records that came while we took none.
        let untold = self.kafka.feeds.take_untold();
        self.kafka.has_replies() || untold || (held && self.core.wants_records())
    }

    async fn park(&self) {
        self.kafka.consumer.reach();
        let now = self.time();
        let due = self.core.deadline().map_or(PARK, |due| due.saturating_sub(now).min(PARK));
        tokio::select! {
            () = self.line.wake.notified() => {}
            () = tokio::time::sleep(due) => {}
        }
    }

    /// Serves the group and takes records, up to a turn's count; whether there may be more.
    fn receive(&mut self) -> bool {
        let (consumer, mut count) = (self.kafka.consumer.clone(), 0);
        if !self.receive_from(|| consumer.next(), !self.kafka.feeds.apart, &mut count) {
            return count > 0;
        }
        for _ in 0..self.kafka.feeds.len() {
            let Some(feed) = self.kafka.feeds.turn() else { break };
            let before = count;
            let all = self.receive_from(|| feed.next(), true, &mut count);
            self.kafka.feeds.took(count - before, all);
            if !all {
                break;
            }
        }
        count > 0
    }

    /// Takes what comes `next`; whether that was all. What has no `records` is served also while none are
    /// wanted.
    fn receive_from<'m>(
        &mut self,
        next: impl Fn() -> Result<Next<'m>, KafkaError>,
        records: bool,
        count: &mut usize,
    ) -> bool {
        while *count < TURN && (!records || self.core.wants_records()) {
            if count.is_multiple_of(LOOK) {
                self.look();
            }
            match next() {
                Ok(Next::Record(message)) if !records => {
                    // It would be out of its order.
                    self.fail(format!(
                        "{} partition {} offset {} came beside its partition's queue, as where a topic was deleted and made again; start the stage again, nothing of it was taken",
                        message.topic(),
                        message.partition(),
                        message.offset()
                    ));
                    return false;
                }
                Ok(Next::Record(message)) => {
                    let mut headers = std::mem::take(&mut self.headers);
                    let input = self.kafka.input_of(&message);
                    let record = record::of(&message, &mut headers);
                    if count.is_multiple_of(LOOK) {
                        let of = Partition { input, number: record.partition };
                        self.reporter.saw(of, record.time);
                    }
                    self.take(input, &record);
                    self.headers = headers;
                    *count += 1;
                }
                Ok(Next::Event) => self.rebalances(),
                Ok(Next::Nothing) => return true,
                Err(error) => {
                    self.fenced |= is_fenced(&error);
                    self.fail(self.kafka.explain(&error));
                    return false;
                }
            }
        }
        false
    }

    fn take(&mut self, input: u16, record: &Record<'_>) {
        let partition = Partition { input, number: record.partition };
        let key = || record.key.map(|key| record::hash(partition, key));
        if S::INLINE && self.core.is_free(partition, record.offset, key) {
            self.untimed.0 += 1;
            match self.inline(input, record, 1) {
                Ok(bytes) => {
                    let event = Event::Finished { partition, offset: record.offset, bytes };
                    self.core.step(self.now, event, &mut self.effects);
                    return self.act(None);
                }
                Err(failed) => self.failed_early = Some(failed),
            }
        }
        let (key, bytes) = (key(), record.len());
        let event = Event::Record { partition, offset: record.offset, key, bytes };
        self.core.step(self.now, event, &mut self.effects);
        self.act(Some(record));
        self.failed_early = None;
    }

    fn step(&mut self, event: Event<'_>) {
        self.now = self.time();
        self.core.step(self.now, event, &mut self.effects);
        self.act(None);
    }

    /// Does what the core decided. `hand`: the record that just arrived and is not kept.
    fn act(&mut self, hand: Option<&Record<'_>>) {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Start(id) => self.start(id, hand),
                Effect::Keep(id) => self.keep(id, hand),
                Effect::Cancel(id) => {
                    self.handlers.cancel(id.slot());
                    let error = anyhow::anyhow!("no answer within the time limit of an attempt");
                    self.note(id, Trouble::of(&Failure::new(Kind::Retry, error), None));
                }
                Effect::Forget(id) => {
                    self.handlers.cancel(id.slot());
                    self.held(id).clear();
                }
                Effect::DeadLetter(id, why) => self.dead_letter(id, why, hand),
                Effect::Park(id, of, note) => self.park_record(id, of, &note, hand),
                Effect::Note(id, note) => self.note_record(id, &note, hand),
                Effect::Free(lane, offset, is_free) => {
                    self.kafka.free(&self.core, lane, offset);
                    if is_free {
                        tracing::info!(
                            topic = self.kafka.topic(lane),
                            partition = lane.number,
                            offset,
                            "its key is free again"
                        );
                    }
                }
                Effect::GiveUp(id, lane, given) => self.give_up(id, lane, given, hand),
                Effect::Replay(lane, command, note) => self.park_replayed(lane, command, note),
                Effect::Postpone(lane, command) => self.postpone(lane, command),
                Effect::Answer(lane, offset, answer) => self.answer(lane, offset, answer),
                Effect::Begin(window) => self.kafka.begin(&self.core, window),
                Effect::Commit(window) => {
                    let asked = self.kafka.commit(&self.core, window);
                    self.check(asked);
                }
                Effect::Abort(window) => self.kafka.abort(window),
                Effect::Renew => self.kafka.ask(Job::Renew),
                Effect::Lookup(window) => self.kafka.lookup(&self.core, window),
                Effect::Replace(window, partition, offset, place) => {
                    let asked = self.kafka.reread(&self.core, window, partition, offset, place);
                    self.check(asked);
                }
                Effect::Recycle(batch) => self.kafka.recycle(batch),
                Effect::Restore(partitions) => {
                    self.kafka.expect_assignment();
                    self.kafka.ask(Job::Restore(partitions));
                }
                Effect::ReadLane(partition) => self.kafka.ask_lane(lane::Job::Read(partition)),
                Effect::Look(partition) => self.kafka.ask_lane(lane::Job::Look(partition)),
                Effect::Fetch(partition, from) => {
                    self.kafka.ask_lane(lane::Job::Fetch(partition, from));
                }
                Effect::Clean(partition, place) => {
                    self.kafka.ask_lane(lane::Job::Clean(partition, place));
                }
                Effect::Open(id) => {
                    let trouble = self.held(id).trouble.as_ref();
                    let error = trouble.map(|trouble| trouble.text.clone());
                    tracing::warn!(
                        error,
                        "what the stage depends on is away: all records wait, and one at a time is tried, until there is an answer"
                    );
                }
                Effect::Close(after) => {
                    tracing::info!(?after, "what the stage depends on answers again");
                }
                Effect::Exit(exit) => self.exit = Some(exit),
                Effect::Pause(partitions) => {
                    for of in partitions.iter().filter(|of| self.core.is_lane_full(**of)) {
                        let topic = self.kafka.topic(*of);
                        tracing::warn!(
                            topic,
                            partition = of.number,
                            "its retry lane is full: the partition waits until half of it is worked off"
                        );
                    }
                    self.kafka.group(Effect::Pause(partitions));
                }
                Effect::Unassign(partitions) => {
                    self.errors.retain(|(of, _), _| !partitions.contains(of));
                    self.replayed.retain(|(of, _), _| !partitions.contains(of));
                    self.kafka.group(Effect::Unassign(partitions));
                    self.reporter.answered(self.now);
                }
                effect @ (Effect::Resume(_) | Effect::Assign(_)) => self.kafka.group(effect),
            }
        }
    }

    fn finish(&mut self) -> bool {
        let mut any = false;
        while let Some((place, end)) = self.handlers.next() {
            any = true;
            if let (Some(end), Some(id)) = (end, self.core.id_at(place)) {
                self.ended(id, end);
                self.act(None);
            }
        }
        any
    }

    fn rebalances(&mut self) {
        while let Some(rebalance) = self.kafka.consumer.rebalance() {
            tracing::info!(?rebalance, "group");
            let has = matches!(rebalance, Rebalance::Assigned(_));
            self.reporter.asked(self.time(), has);
            match rebalance {
                Rebalance::Assigned(partitions) => self.step(Event::Assigned(&partitions)),
                Rebalance::Revoked(partitions) => self.step(Event::Revoked(&partitions)),
                Rebalance::Lost(partitions) => self.step(Event::Lost(&partitions)),
            }
        }
    }

    fn replies(&mut self) {
        while let Some(reply) = self.kafka.reply() {
            match reply {
                Reply::Ended { window, ended, acknowledged } => {
                    if ended != Ended::Committed {
                        tracing::debug!(?window, ?ended, "window goes again");
                        self.kafka.again(window, acknowledged);
                    } else {
                        self.kafka.committed();
                    }
                    self.step(Event::Ended(window, ended));
                }
                Reply::Hurried => {
                    let asked = self.kafka.hurried(&self.core);
                    self.check(asked);
                }
                Reply::Renewed(producer) => {
                    self.kafka.renew(producer);
                    self.step(Event::Renewed);
                }
                Reply::Restored(all) => {
                    for (partition, position) in all {
                        self.step(Event::Restored(partition, position));
                    }
                    self.answer_assignment();
                }
                Reply::Parked(partition, pending, start, wanted) => {
                    self.step(Event::Parked(partition, pending, start));
                    if !wanted.is_empty() {
                        self.commanded(partition, wanted);
                    }
                    self.answer_assignment();
                }
                Reply::Commanded(partition, wanted) => self.commanded(partition, wanted),
                Reply::Fetched(partition, next, records) => {
                    self.fetched(partition, next, &records);
                }
                Reply::Found(window, committed) => {
                    tracing::info!(?window, committed, "outcome of a commit looked up");
                    if committed {
                        self.kafka.committed();
                    }
                    self.step(Event::Found(window, committed));
                }
                Reply::Reread(window, partition, offset, kept) => {
                    self.kafka.replace(&self.core, window, partition, offset, &kept.record());
                    self.step(Event::Replaced(window));
                }
                Reply::Fenced(text) => {
                    self.fenced = true;
                    self.fail(text);
                }
                Reply::Failed(text) => self.fail(text),
            }
        }
    }

    /// Answers the group once everything of the assignment is known.
    fn answer_assignment(&mut self) {
        if !self.core.is_restoring() {
            self.kafka.assign();
            self.reporter.answered(self.now);
        }
    }

    /// Parked records are back.
    fn fetched(&mut self, of: Partition, next: i64, records: &[Back]) {
        for Back { place, edition, kept } in records {
            let record = kept.record();
            let key = record.key.map(|key| record::hash(of, key));
            let (partition, offset, bytes) = (of, record.offset, record.len());
            let (place, edition) = (*place, *edition);
            let event = Event::Back { partition, offset, place, edition, key, bytes };
            self.now = self.time();
            self.core.step(self.now, event, &mut self.effects);
            self.act(Some(&record));
        }
        self.step(Event::Fetched(of, next, !records.is_empty()));
    }

    /// The time since the epoch, by a clock that never goes back.
    fn time(&self) -> Duration {
        self.born + self.clock.elapsed()
    }

    /// Takes the time; the inline attempts since the last look share it.
    fn look(&mut self) {
        self.now = self.time();
        let (attempts, since) = std::mem::replace(&mut self.untimed, (0, self.now));
        self.core.attempted(self.now - since, attempts);
    }

    fn check(&mut self, result: Result<(), String>) {
        if let Err(text) = result {
            self.fail(text);
        }
    }

    /// Ends the worker at once; what is uncommitted is read again.
    fn fail(&mut self, text: String) {
        self.verdict.get_or_insert(text);
        self.exit = Some(Exit::Failed);
    }

    /// Whether another has its place.
    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced
    }

    /// Leaves the group and ends the threads.
    pub(crate) fn leave(self, wait: Duration) -> Left {
        let (counts, sent) = (self.core.counts().clone(), self.kafka.sent);
        let past = Past { counts, sent, rebalances: self.reporter.rebalances() };
        self.kafka.leave(wait);
        Left { line: self.line, verdict: self.verdict, fenced: self.fenced, past }
    }
}
