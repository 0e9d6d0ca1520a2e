//! Tests of a stage without Kafka: records in, and then what comes of them, in sentences.
//!
//! ```
//! use stage_sdk::testing::Test;
//! use stage_sdk::{Bytes, Context, OrFail, Result};
//!
//! fn shout(Bytes(word): Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
//!     Ok(Bytes(String::from_utf8(word).or_reject()?.to_uppercase().into_bytes()))
//! }
//!
//! let mut test = Test::of(shout);
//! test.given("greetings", "hello");
//! test.given("greetings", b"\xff");
//! test.then_output("greetings", "HELLO");
//! test.then_dead_letter("greetings", "rejected");
//! test.then_nothing_more();
//! ```
//!
//! What decides is what decides in production: order, retries, parking, windows, what a new owner takes
//! over. Only Kafka is a memory here, and the time that a stage waits is the test's ([`Test::passes`]); what a
//! handler itself waits for takes its real time. There is one worker, which may die ([`Test::dies`]), and
//! commits may fail ([`Test::next_commit`]); what only several workers or a broker can do wrong is not here.

mod memory;
mod worker;

pub use memory::{DeadLetter, Written};

use crate::context::Shared;
use crate::core::{Exhausted, Policy, Retry, Settings, Time};
use crate::stage::{IntoStage, Stage};
use memory::Memory;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;
use worker::Worker;

/// The longest a handler may take, in real time, before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a commit fails.
///
/// ```
/// use stage_sdk::testing::{CommitFails, Test};
/// use stage_sdk::{Bytes, Context, Result};
///
/// fn echo(word: Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
///     Ok(word)
/// }
///
/// for fails in [CommitFails::Aborted, CommitFails::Silently, CommitFails::Unanswered] {
///     let mut test = Test::of(echo);
///     test.next_commit(fails);
///     test.given("k", "once");
///     test.dies();
///     test.then_output("k", "once");
///     test.then_nothing_more();
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFails {
    /// Nothing takes effect, and the worker hears so.
    Aborted,
    /// Nothing takes effect, and nobody says so.
    Silently,
    /// It takes effect, and nobody says so.
    Unanswered,
}

/// A stage, and all that was given to it.
///
/// Each `given` does all that can be done without waiting. Outputs and dead letters are those that a reader
/// of committed records sees; each `then` takes one of them, and panics with what is there if it is not the
/// one that was expected.
pub struct Test<S: Stage> {
    stage: S,
    shared: Rc<Shared>,
    settings: Settings,
    memory: Memory,
    worker: Option<Worker<S>>,
    now: Time,
}

impl<S: Stage> Test<S> {
    /// A test of this stage, with the settings that we ship and one partition.
    ///
    /// # Panics
    /// In an async test: it has a runtime of its own, for handlers that wait.
    #[track_caller]
    pub fn of<M>(stage: impl IntoStage<M, Stage = S>) -> Test<S> {
        let free = tokio::runtime::Handle::try_current().is_err();
        assert!(free, "a stage's test has a runtime of its own: use #[test], not #[tokio::test]");
        let stage = stage.into_stage();
        let retry =
            Retry { policy: Policy::Ordered, exhausted: Exhausted::Hold, ..Retry::default() };
        let settings = Settings { retry, inline: S::INLINE, ..Settings::default() };
        let shared = Shared {
            stage: "test".into(),
            topic: "input".into(),
            outputs: stage.outputs().iter().map(|name| (*name).to_owned()).collect(),
            ..Shared::default()
        };
        Test {
            stage,
            shared: Rc::new(shared),
            settings,
            memory: Memory::new(1),
            worker: None,
            now: Time::from_secs(1_700_000_000),
        }
    }

    /// With another retry policy. Before the first record.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// With an input of so many partitions; a key's records are all in one. Before the first record.
    #[must_use]
    pub fn partitions(mut self, count: u16) -> Self {
        self.memory = Memory::new(count.max(1));
        self
    }

    /// As with `--seed`: what [`Context::rng`](crate::Context::rng) is a function of. Before the first record.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        let Shared { stage, topic, outputs, .. } = &*self.shared;
        let (stage, topic, outputs) = (stage.clone(), topic.clone(), outputs.clone());
        self.shared = Rc::new(Shared { stage, topic, outputs, seed, ..Shared::default() });
        self
    }

    /// A record comes, and all is done that can be without waiting.
    pub fn given(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.given_record(Some(key.as_ref()), Some(value.as_ref()), &[]);
    }

    /// As [`given`](Test::given); without a key, without a value (a tombstone), with headers.
    pub fn given_record(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        self.memory.add(key, value, headers, self.now);
        self.work();
    }

    /// Several records, of key and value, are there before the first of them is looked at: handlers that wait
    /// run beside each other, and a batch takes what there is.
    pub fn given_at_once<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = (K, V)>,
    ) {
        for (key, value) in records {
            self.memory.add(Some(key.as_ref()), Some(value.as_ref()), &[], self.now);
        }
        self.work();
    }

    /// What another stage wrote comes, record by record: so are chains tested.
    ///
    /// ```
    /// use stage_sdk::testing::Test;
    /// use stage_sdk::{Context, Json, Result};
    ///
    /// fn double(Json(n): Json<u64>, _: &Context) -> Result<Json<u64>> {
    ///     Ok(Json(n * 2))
    /// }
    ///
    /// let (mut first, mut second) = (Test::of(double), Test::of(double));
    /// first.given("k", "3");
    /// second.given_all(&first.outputs());
    /// second.then_output("k", "12");
    /// ```
    pub fn given_all<'w>(&mut self, written: impl IntoIterator<Item = &'w Written>) {
        for Written { key, value, headers, .. } in written {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            self.given_record(key.as_deref(), value.as_deref(), &headers);
        }
    }

    /// Time passes for the stage: back-offs end, windows close.
    pub fn passes(&mut self, time: Duration) {
        let until = self.now + time;
        self.work();
        while let Some(due) =
            self.worker.as_ref().and_then(Worker::deadline).filter(|d| *d <= until)
        {
            self.now = self.now.max(due);
            self.work();
        }
        self.now = until;
        self.work();
    }

    /// The worker dies, with what waits and what backs off; another takes over from what is committed.
    pub fn dies(&mut self) {
        self.worker = None;
        self.work();
    }

    /// The commit after those that were told to fail already fails in this way.
    pub fn next_commit(&mut self, fails: CommitFails) {
        self.memory.failures.push_back(fails);
    }

    /// The next of the outputs has this key and value. JSON is compared as JSON.
    #[track_caller]
    pub fn then_output(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let written = self.take_output("output");
        written.is("output", Some(key.as_ref()), Some(value.as_ref()));
    }

    /// As [`then_output`](Test::then_output), of a named output.
    #[track_caller]
    pub fn then_sent(&mut self, name: &str, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let written = self.take_output(name);
        written.is(name, Some(key.as_ref()), Some(value.as_ref()));
    }

    /// The next of the dead letters has this key, and died for this reason: `rejected`, `deserialization`,
    /// `production` or `retries-exhausted`.
    #[track_caller]
    pub fn then_dead_letter(&mut self, key: impl AsRef<[u8]>, disposition: &str) -> DeadLetter {
        self.work();
        let Some(letter) = self.memory.letters.pop_front() else {
            panic!("a dead letter was expected, and there is none; {}", self.rest());
        };
        let same = letter.key.as_deref() == Some(key.as_ref()) && letter.disposition == disposition;
        assert!(
            same,
            "a dead letter of key {:?}, {disposition}, was expected, and there is {letter:?}",
            String::from_utf8_lossy(key.as_ref())
        );
        letter
    }

    /// So many records wait in the retry lane.
    ///
    /// ```
    /// use stage_sdk::testing::Test;
    /// use stage_sdk::{Bytes, Context, Result};
    /// use std::time::Duration;
    ///
    /// fn bake(pizza: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    ///     match cx.attempt() < 5 && pizza.0 == b"first" {
    ///         true => Err(std::io::Error::other("cold"))?,
    ///         false => Ok(pizza),
    ///     }
    /// }
    ///
    /// let mut test = Test::of(bake);
    /// test.given("k", "first");
    /// test.given("k", "second");
    /// test.passes(Duration::from_secs(2));
    /// test.then_parked(2); // the second waits behind the first of its key
    /// test.passes(Duration::from_secs(10));
    /// test.then_output("k", "first");
    /// test.then_output("k", "second");
    /// test.then_nothing_more();
    /// ```
    #[track_caller]
    pub fn then_parked(&mut self, count: usize) {
        self.work();
        let parked = self.memory.parked();
        assert!(
            parked == count,
            "{count} parked records were expected, and there are {parked}; {}",
            self.rest()
        );
    }

    /// The worker has stopped by itself: a failure was fatal, or the policy is `stop`.
    #[track_caller]
    pub fn then_stopped(&mut self) {
        self.work();
        let stopped = self.worker.as_ref().is_some_and(Worker::has_exited);
        assert!(stopped, "the stage was expected to stop, and it goes on; {}", self.rest());
    }

    /// Nothing is left: no outputs, no dead letters that were not expected, nothing parked, and nothing in
    /// doubt: every record that was given is committed.
    #[track_caller]
    pub fn then_nothing_more(&mut self) {
        self.work();
        let memory = &self.memory;
        let clear = memory.outputs.is_empty() && memory.letters.is_empty() && memory.parked() == 0;
        assert!(clear, "nothing more was expected; {}", self.rest());
        let open = self.memory.uncommitted();
        assert!(open.is_empty(), "(partition, offset) {open:?} are not committed; {}", self.rest());
    }

    /// Takes all outputs so far, of all topics.
    pub fn outputs(&mut self) -> Vec<Written> {
        self.work();
        self.memory.outputs.drain(..).collect()
    }

    /// Does all that can be done now.
    fn work(&mut self) {
        let worker = self.worker.get_or_insert_with(|| {
            Worker::new(&self.stage, &self.shared, &self.settings, &self.memory, self.now)
        });
        worker.work(&mut self.memory, self.now, PATIENCE);
    }

    #[track_caller]
    fn take_output(&mut self, topic: &str) -> Written {
        self.work();
        let at = self.memory.outputs.iter().position(|written| written.topic == topic);
        match at.and_then(|at| self.memory.outputs.remove(at)) {
            Some(written) => written,
            None => {
                panic!("a record in {topic:?} was expected, and there is none; {}", self.rest())
            }
        }
    }

    /// What is there instead.
    fn rest(&self) -> String {
        let Memory { outputs, letters, .. } = &self.memory;
        let troubles = self.worker.as_ref().map(Worker::troubles).unwrap_or_default();
        format!(
            "there are outputs {outputs:?}, dead letters {letters:?}, {} parked, uncommitted {:?}, failed {troubles:?}",
            self.memory.parked(),
            self.memory.uncommitted()
        )
    }
}
