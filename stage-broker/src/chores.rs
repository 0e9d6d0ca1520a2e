//! What may take its time and blocks: writing checkpoints, removing files. One after the other, on
//! a thread of its own.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

type Chore = Box<dyn FnOnce() + Send>;

/// The thread; dropping waits until it has done everything.
pub(crate) struct Chores {
    queue: Option<Sender<Chore>>,
    thread: Option<JoinHandle<()>>,
}

impl Chores {
    pub(crate) fn start() -> std::io::Result<Chores> {
        let (queue, chores) = channel::<Chore>();
        let thread = std::thread::Builder::new()
            .name("stage-broker-chores".to_owned())
            .spawn(move || chores.into_iter().for_each(|chore| chore()))?;
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
