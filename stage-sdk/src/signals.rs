//! Ctrl-C and SIGTERM: the first asks for a stop, the second ends at once.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

type Stop = Box<dyn FnOnce() + Send>;

/// Listens for the rest of the process's life.
pub struct Signals(Arc<Mutex<Option<Stop>>>);

impl Signals {
    /// Begins to listen. Until [`then`](Signals::then) is called there is nothing to stop: a signal
    /// ends the process with exit code 0. A second signal ends it with 130 at any time.
    ///
    /// # Errors
    /// The process may not listen.
    pub fn listen() -> std::io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let stop: Arc<Mutex<Option<Stop>>> = Arc::default();
        let told = stop.clone();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let mut next = || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                });
            };
            next();
            match told.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(stop) => stop(),
                None => std::process::exit(0),
            }
            eprintln!("stopping; a second signal ends at once");
            next();
            std::process::exit(130);
        })?;
        Ok(Signals(stop))
    }

    /// From now on the first signal calls `stop`.
    pub fn then(&self, stop: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stop));
    }
}
