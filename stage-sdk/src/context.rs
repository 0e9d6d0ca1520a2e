//! What a stage may ask for besides its record, and where its outputs go.

use crate::batch::{Batch, Mark, Place};
use crate::core::Partition;
use crate::failure::{Failure, Result};
use crate::record::{Headers, Record};
use crate::telemetry::Seat;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Serialize;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

/// The random numbers a stage draws from.
pub type Rng = Xoshiro256PlusPlus;

/// A named output besides the main one. The name is a logical one: `outputs = { audit =
/// "order-audit" }` in `topics.toml` says which topic it is. A stage says which it
/// [`sends`](crate::IntoStage::sends) to, so that a missing entry is found at start.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Context, IntoStage, Json, Result, Topic};
///
/// const AUDIT: Topic<u64> = Topic::named("audit");
///
/// fn price(Json(order): Json<u64>, cx: &Context) -> Result<Json<u64>> {
///     cx.send(&AUDIT, &order)?;
///     Ok(Json(order * 7))
/// }
///
/// let mut test = Test::of(price.sends(&AUDIT));
/// test.given("k", "3");
/// test.then_output("k", "21");
/// test.then_sent("audit", "k", "3");
/// ```
#[derive(Debug)]
pub struct Topic<V> {
    name: &'static str,
    value: PhantomData<fn(V)>,
}

impl<V> Topic<V> {
    /// The output of this name.
    pub const fn named(name: &'static str) -> Topic<V> {
        Topic { name, value: PhantomData }
    }

    /// Its logical name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// What every attempt of a worker shares.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) stage: String,
    pub(crate) topic: String,
    /// Logical output names; an output's index is one more, since 0 is the main output.
    pub(crate) outputs: Vec<String>,
    pub(crate) seed: u64,
    /// What a stage keeps for its worker, besides its own value.
    pub(crate) kept: RefCell<Vec<Rc<dyn Any>>>,
    /// Where the worker says how it stands.
    pub(crate) seat: Arc<Seat>,
    /// Makes the spans of attempts.
    #[cfg(feature = "otel")]
    pub(crate) tracer: crate::otel::Tracer,
}

/// The one record a stage is working on.
///
/// Valid for one attempt. What was sent through it takes effect only if the attempt succeeds.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Failure, Json, Result};
///
/// fn tell(_: Bytes<Vec<u8>>, cx: &Context) -> Result<Json<String>> {
///     if cx.attempt() == 1 {
///         return Err(Failure::from(std::io::Error::other("not yet")));
///     }
///     let place = format!("{} {}:{}", cx.topic(), cx.partition(), cx.offset());
///     Ok(Json(format!("{place}, key {:?}, attempt {}", cx.key(), cx.attempt())))
/// }
///
/// let mut test = Test::of(tell);
/// test.given("k", "");
/// test.passes(std::time::Duration::from_secs(1));
/// test.then_output("k", r#""input 0:0, key Some([107]), attempt 2""#);
/// ```
#[derive(Debug, Default)]
pub struct Context {
    shared: Rc<Shared>,
    source: Cell<Partition>,
    offset: Cell<i64>,
    time: Cell<i64>,
    attempt: Cell<u32>,
    key: RefCell<Option<Vec<u8>>>,
    headers: RefCell<Vec<u8>>,
    batch: RefCell<Batch>,
}

impl Context {
    pub(crate) fn new(shared: Rc<Shared>) -> Context {
        Context { shared, ..Context::default() }
    }

    /// Points the context at a record.
    pub(crate) fn set(&self, input: u16, record: &Record<'_>, attempt: u32) {
        self.source.set(Partition { input, number: record.partition });
        self.offset.set(record.offset);
        self.time.set(record.time);
        self.attempt.set(attempt);
        match (&mut *self.key.borrow_mut(), record.key) {
            (Some(kept), Some(key)) => {
                kept.clear();
                kept.extend_from_slice(key);
            }
            (kept, key) => *kept = key.map(<[u8]>::to_vec),
        }
        let mut headers = self.headers.borrow_mut();
        headers.clear();
        headers.extend_from_slice(record.headers);
    }

    /// Exchanges the batch that outputs go to.
    pub(crate) fn swap(&self, batch: &mut Batch) {
        std::mem::swap(&mut *self.batch.borrow_mut(), batch);
    }

    pub(crate) fn mark(&self) -> Mark {
        self.batch.borrow().mark()
    }

    /// What the stage keeps of this type for this worker; `new` makes it.
    pub(crate) fn of_worker<T: Any>(&self, new: impl FnOnce() -> T) -> Rc<T> {
        let mut kept = self.shared.kept.borrow_mut();
        let known = kept.iter().find_map(|kept| kept.clone().downcast::<T>().ok());
        known.unwrap_or_else(|| {
            let made = Rc::new(new());
            kept.push(made.clone());
            made
        })
    }

    /// What makes the spans of attempts.
    #[cfg(feature = "otel")]
    pub(crate) fn tracer(&self) -> &crate::otel::Tracer {
        &self.shared.tracer
    }

    /// Where the worker says how it stands.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        self.shared.seat.clone()
    }

    /// The same attempt at the same record, with outputs of its own: nothing of them takes effect
    /// unless they are [adopted](Context::adopt), so it may outlive the attempt.
    pub(crate) fn aside(&self) -> Context {
        Context {
            shared: self.shared.clone(),
            source: self.source.clone(),
            offset: self.offset.clone(),
            time: self.time.clone(),
            attempt: self.attempt.clone(),
            key: self.key.clone(),
            headers: self.headers.clone(),
            batch: RefCell::default(),
        }
    }

    /// Takes over what was sent aside.
    pub(crate) fn adopt(&self, aside: &Context) {
        let sent = aside.batch.take();
        self.batch.borrow_mut().append(&sent, self.source.get(), self.offset.get());
    }

    pub(crate) fn emit(&self) -> Emit<'_> {
        Emit { context: self, target: 0, key: None }
    }

    /// The record's key.
    pub fn key(&self) -> Option<Vec<u8>> {
        self.key.borrow().clone()
    }

    /// The value of the record's last header of this name; none also if that value is null.
    ///
    /// ```
    /// use stage_sdk::testing::Test;
    /// use stage_sdk::{Bytes, Context, Result};
    ///
    /// fn language(_: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    ///     Ok(Bytes(cx.header("language").unwrap_or(b"en".to_vec())))
    /// }
    ///
    /// let mut test = Test::of(language);
    /// test.given_record(Some(b"k"), Some(b""), &[("language", Some(b"it"))]);
    /// test.then_output("k", "it");
    /// ```
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        let headers = self.headers.borrow();
        let last = Headers::new(&headers).filter(|(found, _)| *found == name).last();
        last.and_then(|(_, value)| value.map(<[u8]>::to_vec))
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt.get()
    }

    /// The record's time, in milliseconds since the epoch; none: it has none.
    pub fn time(&self) -> Option<i64> {
        Some(self.time.get()).filter(|time| *time >= 0)
    }

    /// The topic the record came from.
    pub fn topic(&self) -> &str {
        &self.shared.topic
    }

    /// The partition the record came from.
    pub fn partition(&self) -> i32 {
        self.source.get().number
    }

    /// The record's offset in its partition.
    pub fn offset(&self) -> i64 {
        self.offset.get()
    }

    /// Random numbers that are a function of the worker's `--seed`, the stage's name, and this
    /// record's key, partition and offset: every attempt draws the same. Without `--seed` each
    /// start of the program has its own.
    ///
    /// ```
    /// use rand::RngExt;
    /// use stage_sdk::testing::Test;
    /// use stage_sdk::{Bytes, Context, Json, Result};
    ///
    /// fn dice(_: Bytes<Vec<u8>>, cx: &Context) -> Result<Json<u8>> {
    ///     Ok(Json(cx.rng().random_range(1..=6)))
    /// }
    ///
    /// let mut throw = || {
    ///     let mut test = Test::of(dice).seed(7);
    ///     test.given("k", "");
    ///     test.outputs()[0].value.clone()
    /// };
    /// assert_eq!(throw(), throw());
    /// ```
    pub fn rng(&self) -> Rng {
        let place = [i64::from(self.partition()), self.offset()];
        self.rng_for(&place.map(i64::to_le_bytes).concat())
    }

    /// As [`rng`](Context::rng), with `identity` in place of partition and offset: for records
    /// that carry what tells them apart, so that the numbers do not depend on where they lie.
    ///
    /// ```
    /// use rand::RngExt;
    /// use stage_sdk::testing::Test;
    /// use stage_sdk::{Bytes, Context, Json, Result};
    ///
    /// fn dice(throw: Bytes<Vec<u8>>, cx: &Context) -> Result<Json<u32>> {
    ///     Ok(Json(cx.rng_for(&throw.0).random()))
    /// }
    ///
    /// let mut test = Test::of(dice);
    /// for throw in ["first", "second", "first"] {
    ///     test.given("k", throw);
    /// }
    /// let thrown: Vec<_> = test.outputs().into_iter().map(|written| written.value).collect();
    /// assert!(thrown[0] == thrown[2] && thrown[0] != thrown[1]);
    /// ```
    pub fn rng_for(&self, identity: &[u8]) -> Rng {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        hash.add(&self.shared.seed.to_le_bytes());
        hash.add(self.shared.stage.as_bytes());
        hash.add(self.key.borrow().as_deref().unwrap_or_default());
        hash.add(identity);
        Rng::seed_from_u64(hash.0)
    }

    /// Sends `value` in JSON to a named output, with the record's key, headers and time.
    ///
    /// # Errors
    /// The value cannot be encoded (a Reject), or the output is not declared (Fatal).
    pub fn send<V: Serialize>(&self, to: &Topic<V>, value: &V) -> Result<()> {
        let at = self.shared.outputs.iter().position(|name| name == to.name);
        let Some(at) = at else {
            let text = format!(
                "output {:?} of stage {:?} is not declared; add it under outputs in topics.toml",
                to.name, self.shared.stage
            );
            return Err(Failure::new(crate::Kind::Fatal, anyhow::anyhow!(text)));
        };
        let mut emit = Emit { context: self, target: at as u16 + 1, key: None };
        crate::codec::Output::write(crate::codec::Json(value), &mut emit)
    }
}

/// Takes the records a stage returns.
///
/// ```
/// use stage_sdk::context::Emit;
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Output, Result};
///
/// /// The word, and its key's tombstone.
/// struct Last(Vec<u8>);
///
/// impl Output for Last {
///     fn write(self, emit: &mut Emit<'_>) -> Result<()> {
///         emit.with_key(Some(b"last")).value(|bytes| {
///             bytes.extend_from_slice(&self.0);
///             Ok(())
///         })?;
///         emit.tombstone();
///         Ok(())
///     }
/// }
///
/// fn last(word: Bytes<Vec<u8>>, _: &Context) -> Result<Last> {
///     Ok(Last(word.0))
/// }
///
/// let mut test = Test::of(last);
/// test.given("k", "word");
/// test.then_output("last", "word");
/// assert_eq!(test.outputs()[0].value, None);
/// ```
#[derive(Debug)]
pub struct Emit<'c> {
    context: &'c Context,
    target: u16,
    key: Option<Option<Vec<u8>>>,
}

impl Emit<'_> {
    /// Adds a record whose value `write` appends.
    ///
    /// # Errors
    /// What `write` says; nothing is added then.
    pub fn value(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.push(Some(write))
    }

    /// Adds a record without a value.
    pub fn tombstone(&mut self) {
        // Without a writer nothing can fail.
        self.push(None::<fn(&mut Vec<u8>) -> Result<()>>).ok();
    }

    /// The same place, with another key.
    pub fn with_key(&self, key: Option<&[u8]>) -> Emit<'_> {
        let key = Some(key.map(<[u8]>::to_vec));
        Emit { context: self.context, target: self.target, key }
    }

    fn push(&mut self, write: Option<impl FnOnce(&mut Vec<u8>) -> Result<()>>) -> Result<()> {
        let cx = self.context;
        let (own, headers) = (cx.key.borrow(), cx.headers.borrow());
        let place = Place {
            source: cx.source.get(),
            offset: cx.offset.get(),
            target: self.target,
            partition: None,
            time: cx.time.get(),
            key: self.key.as_ref().unwrap_or(&own).as_deref(),
            headers: &headers,
        };
        cx.batch.borrow_mut().push(place, write)
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every release, which a standard-library
/// hasher does not promise and reproducible runs need.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
