//! What may take its time and blocks: writing checkpoints, compacting, removing files. One after the
//! other, on a thread of its own: what is written to a file is never overtaken by its successor.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Chore = Box<dyn FnOnce() + Send>;

/// The thread; dropping waits until it has done everything.
pub(crate) struct Chores {
    queue: Option<Sender<Chore>>,
    thread: Option<JoinHandle<()>>,
}

impl Chores {
    pub(crate) fn start() -> io::Result<Chores> {
        let (queue, chores) = channel::<Chore>();
        let thread = std::thread::Builder::new()
            .name("stage-broker-chores".to_owned())
            .spawn(move || chores.into_iter().for_each(run))?;
        Ok(Chores { queue: Some(queue), thread: Some(thread) })
    }

    /// Does something after everything asked for before.
    pub(crate) fn add(&self, chore: impl FnOnce() + Send + 'static) {
        if let Some(queue) = &self.queue
            && queue.send(Box::new(chore)).is_err()
        {
            tracing::error!("the thread for slow work has ended");
        }
    }

    /// The same, and waits for what comes of it.
    pub(crate) async fn done<T: Send + 'static>(
        &self,
        chore: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (tell, told) = oneshot::channel();
        self.add(move || drop(tell.send(chore())));
        told.await.unwrap_or_else(|_| Err(io::Error::other("it was not done")))
    }
}

/// One that panics takes no other with it.
fn run(chore: Chore) {
    if catch_unwind(AssertUnwindSafe(chore)).is_err() {
        tracing::error!("slow work panicked");
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for slow work panicked");
        }
    }
}
