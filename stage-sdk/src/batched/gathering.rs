//! Records come together, go as one batch, and each has its own result.

use super::{Batched, How, Item};
use crate::failure::{Failure, Kind, Result};
use crate::handlers::panic_said;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, Shared, WeakShared};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Runs a batch from its first record to its results. All who wait for one hold it, and the first of
/// them polls it; when the last of them goes, it goes.
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
    /// Who waits for a result; the first of them polls.
    seats: RefCell<BTreeSet<usize>>,
    begun: Cell<bool>,
    end: RefCell<End<O>>,
    full: Notify,
    /// One of its records went while it ran.
    broken: Notify,
    /// It has ended, or it is somebody else's turn to poll.
    changed: Notify,
}

enum End<O> {
    /// It has not ended.
    None,
    /// A result for each; none: it was taken, or the record went.
    Results(Vec<Option<Result<O>>>),
    /// The function panicked, and said this.
    Panic(String),
    /// One of its records went while it ran.
    Broken,
}

/// A record in a batch. Dropped before that begins, it is not in it; while it runs, it ends: the record
/// is somebody else's now, or tried again, and nothing may be done for it here any more.
struct Seat<I, O> {
    batch: Rc<Batch<I, O>>,
    at: usize,
}

impl<I, O> Drop for Seat<I, O> {
    fn drop(&mut self) {
        let Batch { items, seats, begun, end, broken, changed, .. } = &*self.batch;
        seats.borrow_mut().remove(&self.at);
        if !matches!(*end.borrow(), End::None) {
            return;
        }
        if let Some(item) = items.borrow_mut().get_mut(self.at) {
            *item = None;
        }
        if begun.get() {
            broken.notify_one();
        }
        changed.notify_waiters();
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
        batch.seats.borrow_mut().insert(at);
        if at + 1 >= stage.how.up_to {
            self.open.take();
            batch.full.notify_one();
        }
        let seat = Seat { batch, at };
        seat.until_ended(run).await;
        seat.result()
    }

    fn open<F>(self: &Rc<Self>, stage: &Batched<F, I, O>) -> Joined<I, O>
    where
        F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>> + Clone + 'static,
    {
        let batch = Rc::new(Batch {
            items: RefCell::default(),
            seats: RefCell::default(),
            begun: Cell::new(false),
            end: RefCell::new(End::None),
            full: Notify::new(),
            broken: Notify::new(),
            changed: Notify::new(),
        });
        let (gathering, own) = (self.clone(), batch.clone());
        let Batched { function, how, .. } = stage.clone();
        let run = async move {
            own.gathers(how).await;
            // The places are never closed.
            let _place = gathering.places.acquire().await;
            gathering.open.borrow_mut().take_if(|open| open.is(&own));
            own.begun.set(true);
            let end = tokio::select! {
                biased;
                () = own.broken.notified() => End::Broken,
                end = own.run(function) => end,
            };
            *own.end.borrow_mut() = end;
            own.changed.notify_waiters();
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

    async fn run<F>(&self, function: F) -> End<O>
    where
        F: AsyncFn(Vec<Item<I>>) -> Result<Vec<Result<O>>>,
    {
        let items = self.items.take();
        let there: Vec<bool> = items.iter().map(Option::is_some).collect();
        let items: Vec<Item<I>> = items.into_iter().flatten().collect();
        let count = items.len();
        if count == 0 {
            return End::Results(Vec::new());
        }
        let called = async { function(items).await };
        let results: Vec<Result<O>> = match AssertUnwindSafe(called).catch_unwind().await {
            Ok(Ok(results)) if results.len() == count => results,
            Ok(Ok(results)) => {
                let given = results.len();
                let text = format!("the stage gave {given} results for a batch of {count} records");
                let fatal = || Failure::new(Kind::Fatal, anyhow::anyhow!(text.clone()));
                (0..count).map(|_| Err(fatal())).collect()
            }
            Ok(Err(failure)) => (0..count).map(|_| Err(failure.same())).collect(),
            Err(panic) => return End::Panic(panic_said(&*panic)),
        };
        let mut results = results.into_iter();
        End::Results(
            there.into_iter().map(|there| there.then(|| results.next()).flatten()).collect(),
        )
    }
}

impl<I, O> Seat<I, O> {
    async fn until_ended(&self, run: Shared<Run>) {
        let Batch { seats, end, changed, .. } = &*self.batch;
        loop {
            // What changes from here on is noticed.
            let changed = changed.notified();
            if !matches!(*end.borrow(), End::None) {
                return;
            }
            if seats.borrow().first() == Some(&self.at) {
                return run.await;
            }
            changed.await;
        }
    }

    fn result(self) -> Result<O> {
        let again = |why: &'static str| {
            let mut failure = Failure::new(Kind::Retry, anyhow::Error::msg(why));
            failure.after = Some(Duration::ZERO);
            Err(failure)
        };
        match &mut *self.batch.end.borrow_mut() {
            End::Results(all) => {
                let own = all.get_mut(self.at).and_then(Option::take);
                // Whoever waits was in the batch.
                own.unwrap_or_else(|| again("the batch went without it"))
            }
            // It was reported where it arose; the worker is to know of it.
            End::Panic(said) => std::panic::resume_unwind(Box::new(said.clone())),
            End::Broken => again("another record of its batch ran out of time, or was taken away"),
            End::None => again("its batch did not end"),
        }
    }
}
