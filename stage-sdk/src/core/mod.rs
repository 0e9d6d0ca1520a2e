//! Decides, and does nothing else: `step(now, event)` appends effects.
//!
//! There is no I/O here, no clock, no randomness and no async, so that a simulator can drive
//! millions of schedules through the same code that runs in production. The worker turns Kafka
//! and handlers into [`Event`]s and [`Effect`]s into calls.

pub mod position;

pub mod order;

mod unfinished;

pub mod slots;

pub mod retry;

mod circuit;

pub mod lane;

pub mod window;

mod hand_over;

mod commit;

mod attempts;

mod parking;

mod operator;

mod intake;

pub mod counts;

pub mod status;

mod pace;

mod step;

pub use lane::{Answer, Command, CommandId, Pending, Rest, Wish};
pub use position::Position;
pub use retry::{Exhausted, Policy, Retry};
pub use step::Core;
pub use window::{Window, WindowId};

use std::time::Duration;

/// A moment, as time since the epoch, of a clock that never goes back.
pub type Time = Duration;

/// Marks the lane of an input among the inputs.
const LANE: u16 = 1 << 15;

/// One partition of one input of the worker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Partition {
    /// Which input: an index into the worker's list of input topics.
    pub input: u16,
    /// Kafka's partition number.
    pub number: i32,
}

impl Partition {
    /// The partition's retry lane: what comes of its parked records goes out as of this one.
    pub fn lane(self) -> Partition {
        Partition { input: self.input | LANE, ..self }
    }

    /// Whether this is a lane.
    pub fn is_lane(self) -> bool {
        self.input & LANE != 0
    }

    /// The partition of the input, also of a lane.
    pub fn source(self) -> Partition {
        Partition { input: self.input & !LANE, ..self }
    }
}

/// Names one record from its arrival until it is finished or forgotten. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id {
    pub(crate) slot: u32,
    pub(crate) life: u32,
}

impl Id {
    /// A small number that no other live record has: what the worker stores the record under.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event<'e> {
    /// A record arrived, in offset order of its partition.
    Record {
        /// Where it came from.
        partition: Partition,
        /// Its offset.
        offset: i64,
        /// Hash of its key and partition; none: a record without a key, which has no order.
        key: Option<u64>,
        /// Its size, for the limits.
        bytes: usize,
    },
    /// A record that arrived while [`Core::is_free`] was handled at once, with outputs of this many
    /// bytes in the filling window's batch; none: filtered.
    Finished {
        /// Where it came from.
        partition: Partition,
        /// Its offset.
        offset: i64,
        /// Of its outputs.
        bytes: Option<usize>,
    },
    /// A started record's handler ended; its outputs, if any, are in the filling window's batch.
    Done {
        /// Which record.
        id: Id,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed.
    Tick,
    /// The input is empty for now.
    Quiet,
    /// The group gave us these partitions.
    Assigned(&'e [Partition]),
    /// What is committed for an assigned partition; none: nothing yet.
    Restored(Partition, Option<Position>),
    /// What is parked of an assigned partition, and where its retry topic begins.
    Parked(Partition, Vec<Pending>, i64),
    /// What operators want of a partition's keys and was not answered yet, in the order in which it was
    /// written: after [`Event::Parked`], and in answer to [`Effect::Look`] what is new.
    Commanded(Partition, Vec<Command>),
    /// A parked record came back from the retry topic.
    Back {
        /// The partition of the input.
        partition: Partition,
        /// Its offset in the input.
        offset: i64,
        /// Its offset in the retry topic.
        place: i64,
        /// Which copy of it this is.
        edition: u64,
        /// As that of [`Event::Record`].
        key: Option<u64>,
        /// Its size.
        bytes: usize,
    },
    /// A fetch from the retry topic is over, here; whether it found anything.
    Fetched(Partition, i64, bool),
    /// The group wants these back; they stay ours until [`Effect::Unassign`].
    Revoked(&'e [Partition]),
    /// These are no longer ours.
    Lost(&'e [Partition]),
    /// A window's transaction ended.
    Ended(WindowId, Ended),
    /// Answer to [`Effect::Renew`]: the producer is new, no transaction of ours is open.
    Renewed,
    /// Answer to [`Effect::Lookup`]: whether the window's commit took effect.
    Found(WindowId, bool),
    /// Answer to [`Effect::Replace`]: the record's outputs are now its dead letter.
    Replaced(WindowId),
    /// Take no more records, of the input and of the lanes, until [`Event::Resume`]; what is taken goes
    /// on, and the worker stays in its group.
    Pause,
    /// Take records again.
    Resume,
    /// From now on these hold.
    Limits(Limits),
    /// Finish and leave.
    Stop,
}

/// How a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Finished, with outputs of this many bytes in the filling window's batch; none: filtered.
    Output(Option<usize>),
    /// Cannot now; again after this time, or by the back-off.
    Retry(Option<Duration>),
    /// What it depends on is away: again by the back-off, or once the circuit is closed, and it uses up
    /// no attempt.
    Unavailable,
    /// Never will.
    Reject,
    /// Stop the worker.
    Fatal,
}

/// How a window's transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Outputs and offsets took effect.
    Committed,
    /// Nothing took effect; the same may go again.
    Aborted,
    /// Nothing took effect, because it took too long.
    TimedOut,
    /// Nothing took effect, because the broker refused some record's content.
    Refused,
    /// The producer is unusable, and the commit had not been asked for: nothing took effect.
    Broken,
    /// The producer is unusable, or silent, and the commit had been asked for.
    Unknown,
}

/// What the worker is to do.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Effect {
    /// Run the handler on this record.
    Start(Id),
    /// The record that just arrived waits: keep its bytes.
    Keep(Id),
    /// The attempt took too long: cancel its handler, keep its bytes.
    Cancel(Id),
    /// Nothing more is to be done with this record: cancel its handler, drop its bytes.
    Forget(Id),
    /// Write this record's dead letter into the filling window's batch, then forget it.
    DeadLetter(Id, Disposition),
    /// Write this record of the input to the retry topic and note it in the redirect topic, into the
    /// filling window's batch, then forget it.
    Park(Id, Partition, Note),
    /// Note in the redirect topic, in the filling window's batch, how a parked record stands, then
    /// forget its bytes.
    Note(Id, Note),
    /// Note in the redirect topic, in the filling window's batch, that the record of this offset is no
    /// longer parked; whether its key is free now.
    Free(Partition, i64, bool),
    /// Write the dead letter of this record of a lane, which an operator gives up, into the filling
    /// window's batch, then forget it.
    GiveUp(Id, Partition, GivenUp),
    /// Write this dead letter to the retry topic, and note it in the redirect topic, unless there is no
    /// note: it is parked already; and that the command is carried out. All into the filling window's
    /// batch, as of its place in this lane. Then forget it.
    Replay(Partition, Command, Option<Note>),
    /// This dead letter stays in the redirect topic: the input is still to bring a record of its offset.
    Postpone(Partition, Command),
    /// Write into the filling window's batch, as of this record of a lane, that a command is carried
    /// out: its tombstone.
    Answer(Partition, i64, Answer),
    /// Open the transaction of this window and send what its batch holds, now and from now on.
    Begin(WindowId),
    /// Send what of the window is not sent yet, then flush, offsets, commit.
    Commit(WindowId),
    /// Abort the window's transaction.
    Abort(WindowId),
    /// Make a new producer, under the same identity.
    Renew,
    /// Read back the committed offsets and compare the window's tag.
    Lookup(WindowId),
    /// Put the dead letter of this record in place of its outputs in the window's batch; for one of a
    /// lane, with its place in the retry topic.
    Replace(WindowId, Partition, i64, Option<i64>),
    /// No window needs this batch any more.
    Recycle(u64),
    /// Stop fetching.
    Pause(Vec<Partition>),
    /// Fetch again.
    Resume(Vec<Partition>),
    /// Read the committed offsets of these partitions.
    Restore(Vec<Partition>),
    /// Read what is parked of this partition.
    ReadLane(Partition),
    /// Look for operators' commands that are new.
    Look(Partition),
    /// Read the retry topic from this place on.
    Fetch(Partition, i64),
    /// Below this place the retry topic is needed no more.
    Clean(Partition, i64),
    /// What the stage depends on is away, as this record's failure tells: from now on one record at a
    /// time is tried.
    Open(Id),
    /// It is back, after this long: all go on.
    Close(Duration),
    /// Begin to consume, from the offset or, where there is none, from the beginning.
    Assign(Vec<(Partition, Option<i64>)>),
    /// Give these back to the group.
    Unassign(Vec<Partition>),
    /// Leave the group and end.
    Exit(Exit),
}

impl Effect {
    /// Whether it writes into the filling window's batch: no window ends before that is done.
    fn writes(&self) -> bool {
        use Effect::{Answer, DeadLetter, Free, GiveUp, Note, Park, Replay};
        matches!(
            self,
            DeadLetter(..) | Park(..) | Note(..) | Free(..) | GiveUp(..) | Replay(..) | Answer(..)
        )
    }
}

/// How a parked record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Attempts that have failed and count.
    pub attempts: u32,
    /// When it failed first.
    pub first: Option<Time>,
    /// When it goes on.
    pub rest: Rest,
    /// When this was noted, by the clock that `rest` is by; none: an earlier version did not say.
    pub noted: Option<Time>,
    /// Which copy of it in the retry topic counts, where a replay has left another: 0 is the first.
    pub edition: u64,
}

/// A parked record that an operator gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// By which command.
    pub command: Command,
    /// Attempts that have failed and count.
    pub attempts: u32,
    /// When it failed first.
    pub first: Option<Time>,
    /// Whether it failed itself, or waited behind one that did.
    pub why: Disposition,
}

/// Why a record goes to the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Its handler, or its decoding, rejected it.
    Rejected,
    /// It was tried as often as the policy allows.
    RetriesExhausted,
    /// It waited behind a record of its key that was given up.
    OrderBlocked,
}

/// How the worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked: everything taken is committed.
    Clean,
    /// As asked, but something was still uncommitted at the deadline; it will be read again.
    Unfinished,
    /// A record stopped the worker; it is not committed.
    Failed,
}

/// Limits that may change while a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handlers running at once; where more run already, they go on.
    pub max_in_flight: usize,
    /// How long each record that is taken from the input stands for: 1 ms is 1,000 records a second.
    /// None: as many as come.
    pub each: Option<Duration>,
}

/// The limits of a worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Handlers end within [`Effect::Start`] (a sync stage): no time limit is kept for them.
    pub inline: bool,
    /// Handlers running at once.
    pub max_in_flight: usize,
    /// Records waiting behind a key or for a free place.
    pub max_waiting: usize,
    /// Their bytes.
    pub max_waiting_bytes: usize,
    /// For one attempt of an async handler.
    pub timeout: Duration,
    /// What a failure leads to.
    pub retry: Retry,
    /// Outputs are seen once their window is committed, so it closes as soon as nothing more comes.
    /// Without that, nobody waits for it: it closes when it is full or old. A service sets it by its
    /// delivery.
    pub outputs_wait: bool,
    /// The longest a finished record waits for its commit to begin.
    pub commit_interval: Duration,
    /// Records in one window.
    pub max_window_records: usize,
    /// Output bytes in one window.
    pub max_window_bytes: usize,
    /// How long running handlers may go on once their partition is wanted back.
    pub drain: Duration,
    /// How long a stop may take until what is unfinished is left to the next owner.
    pub stop: Duration,
    /// Makes this worker's window tags unlike any other's.
    pub incarnation: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            inline: true,
            max_in_flight: 256,
            max_waiting: 10_000,
            max_waiting_bytes: 16 << 20,
            timeout: Duration::from_secs(30),
            retry: Retry::default(),
            outputs_wait: true,
            commit_interval: Duration::from_millis(100),
            max_window_records: 10_000,
            max_window_bytes: 8 << 20,
            drain: Duration::from_secs(2),
            stop: Duration::from_secs(6),
            incarnation: 0,
        }
    }
}
