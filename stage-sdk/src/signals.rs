//! Ctrl-C and SIGTERM: the first asks for a stop, the second ends at once.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

type Stop = Box<dyn FnOnce() + Send>;

/// What there is to stop.
#[derive(Default)]
enum Work {
    /// Nothing yet.
    #[default]
    None,
    At(Stop),
    /// It has been told.
    Stopping,
}

/// Listens for the rest of the process's life.
///
/// ```no_run
/// use stage_sdk::signals::Signals;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let chain = stage_sdk::chain::Chain::read("topics.toml".as_ref()).unwrap();
/// # fn price(order: stage_sdk::Json<u64>, _: &stage_sdk::Context) -> stage_sdk::Result<stage_sdk::Json<u64>> { Ok(order) }
/// let signals = Signals::listen()?;
/// let running = chain.service("price")?.start(price)?;
/// let stop = running.stop_handle();
/// signals.then(move || stop.stop());
/// running.wait()?;
/// # Ok(())
/// # }
/// ```
pub struct Signals(Arc<Mutex<Work>>);

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
        let work: Arc<Mutex<Work>> = Arc::default();
        let told = work.clone();
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
            stop(&told);
            eprintln!("stopping; a second signal ends at once");
            next();
            std::process::exit(130);
        })?;
        Ok(Signals(work))
    }

    /// From now on the end of standard input asks for a stop as well, and is no signal that counts; what it says until then is nothing to us.
    ///
    /// # Errors
    /// There is no thread to wait for it.
    pub fn or_end_of_input(&self) -> std::io::Result<()> {
        let told = self.0.clone();
        let wait = move || {
            // One that cannot be read has ended too.
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
            stop(&told);
        };
        std::thread::Builder::new().name("input".into()).spawn(wait).map(drop)
    }

    /// From now on the first signal calls `stop`.
    pub fn then(&self, stop: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Work::At(Box::new(stop));
    }
}

/// Stops what there is, if that was not done already.
fn stop(work: &Mutex<Work>) {
    let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
    match std::mem::replace(&mut *work, Work::Stopping) {
        Work::None => std::process::exit(0),
        Work::At(stop) => stop(),
        Work::Stopping => {}
    }
}
