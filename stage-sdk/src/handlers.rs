//! Async handlers in flight: recycled places, each with its waker.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::Notify;

/// Which handlers want to be polled.
struct Woken {
    places: Mutex<Vec<usize>>,
    wake: Arc<Notify>,
}

struct Place {
    number: usize,
    woken: Arc<Woken>,
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.woken.places.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        self.woken.wake.notify_one();
    }
}

struct Handler<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
}

/// The handlers of a worker, by the record's slot.
pub(crate) struct Handlers<F> {
    places: Vec<Handler<F>>,
    woken: Arc<Woken>,
    running: usize,
}

/// How a handler came out: its result, or what it panicked with.
pub(crate) type End<T> = Result<T, Box<dyn Any + Send>>;

impl<F: Future> Handlers<F> {
    pub(crate) fn new(wake: Arc<Notify>) -> Handlers<F> {
        let woken = Arc::new(Woken { places: Mutex::default(), wake });
        Handlers { places: Vec::new(), woken, running: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running == 0
    }

    /// Polls a new handler once; what is not ready then stays in the place.
    pub(crate) fn start(&mut self, place: usize, future: F) -> Option<End<F::Output>> {
        while self.places.len() <= place {
            let number = self.places.len();
            let waker = Waker::from(Arc::new(Place { number, woken: self.woken.clone() }));
            self.places.push(Handler { future: Box::pin(None), waker });
        }
        self.places[place].future.set(Some(future));
        self.running += 1;
        self.poll(place)
    }

    /// Drops a handler where it stands.
    pub(crate) fn cancel(&mut self, place: usize) {
        if let Some(handler) = self.places.get_mut(place)
            && handler.future.is_some()
        {
            handler.future.set(None);
            self.running -= 1;
        }
    }

    /// Polls one that was woken; gives its place and end if it is done. None: nobody was.
    pub(crate) fn next(&mut self) -> Option<(usize, Option<End<F::Output>>)> {
        let place = self.woken.places.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some((place, self.poll(place)))
    }

    fn poll(&mut self, place: usize) -> Option<End<F::Output>> {
        let handler = &mut self.places[place];
        let future = handler.future.as_mut().as_pin_mut()?;
        let mut cx = Context::from_waker(&handler.waker);
        // The future is dropped after a panic, and the stage value replaced by the worker.
        let end = match catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx))) {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        handler.future.set(None);
        self.running -= 1;
        Some(end)
    }
}

/// A panic as an error's text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    format!("panicked: {}", panic_said(panic))
}

/// What a panic said.
pub(crate) fn panic_said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a text".to_owned())
}
