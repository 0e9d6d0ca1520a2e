//! A stage that takes several records at once, for what is cheaper together: one statement for a
//! hundred rows, one request for fifty questions.
//!
//! ```no_run
//! use stage_sdk::{Bytes, Item, OrFail, Result, batched};
//!
//! async fn store(lines: Vec<Item<Bytes<Vec<u8>>>>) -> Result<Vec<Result<()>>> {
//!     let rows: Vec<&[u8]> = lines.iter().map(|line| &*line.input.0).collect();
//!     let stored = insert(&rows).await.or_unavailable()?;   // a failure of all of them
//!     Ok(stored.into_iter().map(|one| one.or_reject()).collect())   // and of each
//! }
//! # async fn insert(rows: &[&[u8]]) -> std::io::Result<Vec<std::io::Result<()>>> {
//! #     Ok(rows.iter().map(|_| Ok(())).collect())
//! # }
//!
//! fn main() -> std::process::ExitCode { stage_sdk::run(batched(store).up_to(100)) }
//! ```
//!
//! It is an async stage, and what holds for those holds for it: each record has its own result, is
//! tried again, parked or given up by itself, and is committed with its outputs and no others. Of a
//! key one record is in hand at a time, so a batch has one of each key, and a key's records come in
//! their order, each after the one before it has succeeded.

mod gathering;

#[cfg(test)]
mod tests;

use crate::codec::{Decode, Output};
use crate::context::Context;
use crate::failure::Result;
use crate::stage::Stage;
use gathering::Gathering;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

/// How many records a batch has at most, unless [`up_to`](Batched::up_to) says otherwise.
const UP_TO: usize = 100;

/// A record of a batch.
#[derive(Debug)]
pub struct Item<I> {
    /// The record, decoded.
    pub input: I,
    /// What a stage may ask for besides: its key, its headers, which attempt this is. What is sent
    /// through it takes effect if this record succeeds.
    pub cx: Rc<Context>,
}

/// A stage of this function, which is given several records and gives a result for each, in their
/// order. Its own failure is one of each of them; so is a panic.
///
/// By itself a batch waits for nothing: it has what there is, up to 100 records, as soon as the batch
/// before it has ended. So batches are small while there is little to do, and grow with the load.
///
/// A function that gives another number of results than it was given records stops the worker, with
/// nothing of that batch committed. A record whose partition is taken away, or whose time limit is
/// over, before its batch has begun is not in it. After that the batch ends with it: the function is
/// dropped where it waits, and the other records of the batch are tried again, which uses up an
/// attempt. So a batch should take less than the stage's `drain` (2 s).
pub fn batched<F, I, O>(function: F) -> Batched<F, I, O>
where
    F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    let how = How { up_to: UP_TO, within: Duration::ZERO, at_once: 1 };
    Batched { function, how, marker: PhantomData }
}

/// When a batch begins.
#[derive(Clone, Copy, Debug)]
struct How {
    up_to: usize,
    within: Duration,
    at_once: usize,
}

/// See [`batched`].
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Failure, Item, Json, Result, batched};
/// use std::time::Duration;
///
/// async fn length(words: Vec<Item<Bytes<Vec<u8>>>>) -> Result<Vec<Result<Json<usize>>>> {
///     assert!(words.len() <= 2);
///     let one = |word: &Item<Bytes<Vec<u8>>>| match word.input.0.len() {
///         0 => Err(Failure::reject("a word has letters")),
///         length => Ok(Json(length)),
///     };
///     Ok(words.iter().map(one).collect())
/// }
///
/// let mut test = Test::of(batched(length).up_to(2).within(Duration::from_millis(10)).at_once(1));
/// test.given_at_once([("a", "one"), ("b", ""), ("c", "three")]);
/// test.passes(Duration::from_millis(10));
/// test.then_output("a", "3");
/// test.then_output("c", "5");
/// test.then_dead_letter("b", "rejected");
/// ```
pub struct Batched<F, I, O> {
    function: F,
    how: How,
    marker: PhantomData<fn(I) -> O>,
}

impl<F, I, O> Batched<F, I, O> {
    /// A batch has at most this many records; 0 counts as 1. A worker then has in hand as many as run at
    /// once and one batch more, unless `max_in_flight` says another number than its default: a batch has
    /// no more than that, nor than there are different keys.
    pub fn up_to(mut self, records: usize) -> Self {
        self.how.up_to = records.max(1);
        self
    }

    /// A batch that is not full waits so long for more, from its first record on; always, where there are
    /// not as many keys.
    pub fn within(mut self, wait: Duration) -> Self {
        self.how.within = wait;
        self
    }

    /// So many batches of a worker may run at the same time, such as one for each connection to a
    /// database; 0 counts as 1.
    pub fn at_once(mut self, batches: usize) -> Self {
        self.how.at_once = batches.max(1);
        self
    }
}

impl<F: Clone, I, O> Clone for Batched<F, I, O> {
    fn clone(&self) -> Self {
        Batched { function: self.function.clone(), how: self.how, marker: PhantomData }
    }
}

impl<F, I, O> fmt::Debug for Batched<F, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batched").field("how", &self.how).finish_non_exhaustive()
    }
}

impl<F, I, O> Stage for Batched<F, I, O>
where
    F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    type In<'r> = I;
    type Out = O;

    fn in_flight(&self) -> Option<usize> {
        Some(self.how.up_to.saturating_mul(self.how.at_once.saturating_add(1)))
    }

    async fn call<'r>(&self, input: I, cx: &Context) -> Result<O> {
        let gathering: Rc<Gathering<I, O>> = cx.of_worker(|| Gathering::new(self.how.at_once));
        let own = Rc::new(cx.aside());
        let output = gathering.join(self, Item { input, cx: own.clone() }).await?;
        cx.adopt(&own);
        Ok(output)
    }
}
