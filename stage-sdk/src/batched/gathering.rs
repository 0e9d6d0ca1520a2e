//! Records come together, go as one batch, and each has its own result.

use super::{Batched, How, Item};
use crate::failure::{Failure, Kind, Result};
use crate::handlers::panic_text;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, Shared, WeakShared};
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Runs a batch from its first record to its results. All who wait for one hold it, and whichever of
/// them is polled helps; when the last of them goes, it goes.
type Run = LocalBoxFuture<'static, ()>;

/// A batch, and what runs it.
type Joined<I, O> = (Rc<Batch<I, O>>, Shared<Run>);

/// The batches of a worker.
pub(super) struct Gathering<I, O> {
    /// What the next record goes with.
    open: RefCell<Option<Open<I, O>>>,
    /// For batches that run.
    places: Semaphore,
}

struct Open<I, O> {
    batch: Weak<Batch<I, O>>,
    run: WeakShared<Run>,
}

struct Batch<I, O> {
    /// Those that came; none: it went again. Empty once they are on their way.
    items: RefCell<Vec<Option<Item<I>>>>,
    full: Notify,
    end: RefCell<End<O>>,
}

enum End<O> {
    /// It has not ended.
    None,
    /// A result for each; none: it was taken.
    Results(Vec<Option<Result<O>>>),
    /// The function panicked with this.
    Panic(String),
}

/// A record in a batch; dropped before that begins, it is not in it.
struct Seat<I, O> {
    batch: Rc<Batch<I, O>>,
    at: usize,
}

impl<I, O> Drop for Seat<I, O> {
    fn drop(&mut self) {
        if let Some(item) = self.batch.items.borrow_mut().get_mut(self.at) {
            *item = None;
        }
    }
}

impl<I: 'static, O: 'static> Gathering<I, O> {
    pub(super) fn new(at_once: usize) -> Gathering<I, O> {
        Gathering { open: RefCell::default(), places: Semaphore::new(at_once) }
    }

    /// Goes with the batch that is open; returns with the record's own result.
    pub(super) async fn join<F>(
        self: &Rc<Self>,
        stage: &Batched<F, I, O>,
        item: Item<I>,
    ) -> Result<O>
    where
        F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>> + Clone + 'static,
    {
        let open = self.open.borrow().as_ref().and_then(Open::get);
        let (batch, run) = open.unwrap_or_else(|| self.open(stage));
        let at = batch.items.borrow().len();
        batch.items.borrow_mut().push(Some(item));
        if at + 1 >= stage.how.up_to {
            self.open.take();
            batch.full.notify_one();
        }
        let seat = Seat { batch, at };
        run.await;
        seat.result()
    }

    fn open<F>(self: &Rc<Self>, stage: &Batched<F, I, O>) -> Joined<I, O>
    where
        F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>> + Clone + 'static,
    {
        let end = RefCell::new(End::None);
        let batch = Rc::new(Batch { items: RefCell::default(), full: Notify::new(), end });
        let (gathering, own) = (self.clone(), batch.clone());
        let Batched { function, how, .. } = stage.clone();
        let run = async move {
            own.gathers(how).await;
            // The places are never closed.
            let _place = gathering.places.acquire().await;
            gathering.open.borrow_mut().take_if(|open| open.is(&own));
            own.run(function).await;
        };
        let run = run.boxed_local().shared();
        let open = run.downgrade().map(|run| Open { batch: Rc::downgrade(&batch), run });
        *self.open.borrow_mut() = open;
        (batch, run)
    }
}

impl<I, O> Open<I, O> {
    /// None: all who waited for it are gone.
    fn get(&self) -> Option<Joined<I, O>> {
        self.batch.upgrade().zip(self.run.upgrade())
    }

    fn is(&self, batch: &Rc<Batch<I, O>>) -> bool {
        self.batch.as_ptr() == Rc::as_ptr(batch)
    }
}

impl<I, O> Batch<I, O> {
    async fn gathers(&self, how: How) {
        if how.within == Duration::ZERO {
            // What arrives in this turn of the worker goes together: tasks run at its end.
            tokio::spawn(async {}).await.ok();
            return;
        }
        tokio::select! {
            () = self.full.notified() => {}
            () = tokio::time::sleep(how.within) => {}
        }
    }

    async fn run<F>(&self, function: F)
    where
        F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>>,
    {
        let mut items = self.items.take();
        let there: Vec<bool> = items.iter().map(Option::is_some).collect();
        let items: Vec<Item<I>> = items.drain(..).flatten().collect();
        let count = items.len();
        if count == 0 {
            return;
        }
        let results = match AssertUnwindSafe(function(items)).catch_unwind().await {
            Ok(Ok(results)) if results.len() == count => results,
            Ok(Ok(results)) => {
                let given = results.len();
                let text = format!("the stage gave {given} results for a batch of {count} records");
                (0..count)
                    .map(|_| Err(Failure::new(Kind::Fatal, anyhow::anyhow!(text.clone()))))
                    .collect()
            }
            Ok(Err(failure)) => (0..count).map(|_| Err(failure.same())).collect(),
            Err(panic) => return *self.end.borrow_mut() = End::Panic(panic_text(&*panic)),
        };
        let mut results = results.into_iter();
        let results = there.into_iter().map(|there| there.then(|| results.next()).flatten());
        *self.end.borrow_mut() = End::Results(results.collect());
    }
}

impl<I, O> Seat<I, O> {
    fn result(self) -> Result<O> {
        match &mut *self.batch.end.borrow_mut() {
            End::Results(all) => {
                let own = all.get_mut(self.at).and_then(Option::take);
                // Whoever waits was in the batch.
                own.unwrap_or_else(|| Err(anyhow::anyhow!("the batch went without it").into()))
            }
            // It was reported where it arose; the worker is to know of it.
            End::Panic(text) => std::panic::resume_unwind(Box::new(text.clone())),
            End::None => Err(anyhow::anyhow!("the batch did not end").into()),
        }
    }
}
