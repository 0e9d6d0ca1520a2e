//! What you write: a function from one record to the next, or a [`Stage`] value.

use crate::codec::{Decode, Output};
use crate::context::{Context, Topic};
use crate::failure::Result;
use std::future::{Future, ready};
use std::marker::PhantomData;

/// A stage as a value: for state, or for an input that borrows from the record.
///
/// There is one value per worker, a clone of the one given; after a panic the worker goes on with
/// a fresh clone. Futures need not be `Send`.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Result, Stage};
///
/// #[derive(Clone)]
/// struct Longer { than: usize }
///
/// impl Stage for Longer {
///     const INLINE: bool = true;
///     type In<'r> = Bytes<&'r [u8]>;
///     type Out = Option<Bytes<Vec<u8>>>;
///
///     async fn call<'r>(&self, Bytes(text): Self::In<'r>, _: &Context) -> Result<Self::Out> {
///         Ok((text.len() > self.than).then(|| Bytes(text.to_vec())))
///     }
/// }
///
/// let mut test = Test::of(Longer { than: 3 });
/// test.given("k", "dough");
/// test.given("k", "oil");
/// test.then_output("k", "dough");
/// test.then_nothing_more();
/// ```
pub trait Stage: Clone + 'static {
    /// The stage never waits: its future is ready at the first poll, and it runs on the record's
    /// own bytes without being put aside.
    const INLINE: bool = false;

    /// What it takes.
    type In<'r>: Decode<'r>;

    /// What it gives.
    type Out: Output;

    /// The named outputs it sends to: a service whose route map lacks one of them does not start.
    fn outputs(&self) -> &[&'static str] {
        &[]
    }

    /// How many records a worker is to have in hand at once, where `max_in_flight` does not say; none:
    /// as many as it is by itself.
    fn in_flight(&self) -> Option<usize> {
        None
    }

    /// One record to the next.
    fn call<'r>(
        &self,
        input: Self::In<'r>,
        cx: &Context,
    ) -> impl Future<Output = Result<Self::Out>>;
}

/// What [`run`](crate::run) takes: a sync function, an async function, a closure, or a [`Stage`].
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Context, Json, Result};
///
/// fn double(Json(n): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     Ok(Json(n * 2))
/// }
///
/// async fn later(Json(n): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     tokio::task::yield_now().await;
///     Ok(Json(n * 3))
/// }
///
/// let mut test = Test::of(double);
/// test.given("k", "7");
/// test.then_output("k", "14");
///
/// let mut test = Test::of(later);
/// test.given("k", "7");
/// test.then_output("k", "21");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stage",
    note = "write `fn(Json<T>, &Context) -> Result<impl Output>`, sync or async; closures need both argument types"
)]
pub trait IntoStage<Marker> {
    /// The stage it becomes.
    type Stage: Stage;

    /// Becomes a stage.
    fn into_stage(self) -> Self::Stage;

    /// The same stage, which also sends to this output: `run(price.sends(&AUDIT))`.
    fn sends<V>(self, output: &Topic<V>) -> Sends<Self::Stage>
    where
        Self: Sized,
    {
        let stage = self.into_stage();
        let outputs = stage.outputs().iter().copied().chain([output.name()]).collect();
        Sends { stage, outputs }
    }
}

/// A stage with named outputs; see [`IntoStage::sends`].
#[derive(Clone, Debug)]
pub struct Sends<S> {
    stage: S,
    outputs: Vec<&'static str>,
}

impl<S: Stage> Stage for Sends<S> {
    const INLINE: bool = S::INLINE;
    type In<'r> = S::In<'r>;
    type Out = S::Out;

    fn outputs(&self) -> &[&'static str] {
        &self.outputs
    }

    fn in_flight(&self) -> Option<usize> {
        self.stage.in_flight()
    }

    fn call<'r>(&self, input: S::In<'r>, cx: &Context) -> impl Future<Output = Result<S::Out>> {
        self.stage.call(input, cx)
    }
}

/// A sync function as a stage.
pub struct Sync<F, I, O>(F, PhantomData<fn(I) -> O>);

/// An async function as a stage.
pub struct Async<F, I, O>(F, PhantomData<fn(I) -> O>);

impl<F: Clone, I, O> Clone for Sync<F, I, O> {
    fn clone(&self) -> Self {
        Sync(self.0.clone(), PhantomData)
    }
}

impl<F: Clone, I, O> Clone for Async<F, I, O> {
    fn clone(&self) -> Self {
        Async(self.0.clone(), PhantomData)
    }
}

impl<F, I, O> Stage for Sync<F, I, O>
where
    F: Fn(I, &Context) -> Result<O> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    const INLINE: bool = true;
    type In<'r> = I;
    type Out = O;

    fn call<'r>(&self, input: I, cx: &Context) -> impl Future<Output = Result<O>> {
        ready((self.0)(input, cx))
    }
}

impl<F, I, O> Stage for Async<F, I, O>
where
    F: AsyncFn(I, &Context) -> Result<O> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    type In<'r> = I;
    type Out = O;

    fn call<'r>(&self, input: I, cx: &Context) -> impl Future<Output = Result<O>> {
        (self.0)(input, cx)
    }
}

/// Tells the three kinds of stage apart for type inference.
#[derive(Debug)]
pub struct Value;

/// See [`Value`].
#[derive(Debug)]
pub struct SyncFunction<I, O>(PhantomData<(I, O)>);

/// See [`Value`].
#[derive(Debug)]
pub struct AsyncFunction<I, O>(PhantomData<(I, O)>);

impl<S: Stage> IntoStage<Value> for S {
    type Stage = S;

    fn into_stage(self) -> S {
        self
    }
}

impl<F, I, O> IntoStage<SyncFunction<I, O>> for F
where
    F: Fn(I, &Context) -> Result<O> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    type Stage = Sync<F, I, O>;

    fn into_stage(self) -> Self::Stage {
        Sync(self, PhantomData)
    }
}

impl<F, I, O> IntoStage<AsyncFunction<I, O>> for F
where
    F: AsyncFn(I, &Context) -> Result<O> + Clone + 'static,
    I: for<'r> Decode<'r> + 'static,
    O: Output + 'static,
{
    type Stage = Async<F, I, O>;

    fn into_stage(self) -> Self::Stage {
        Async(self, PhantomData)
    }
}
