//! Requests whose answer comes out of a later step: each waits under its token.

use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use tokio::sync::oneshot;

/// Names a request that waits.
pub(crate) type Token = u64;

/// All that wait for one kind of answer.
pub(crate) struct Waiting<A> {
    all: RefCell<FxHashMap<Token, oneshot::Sender<A>>>,
    next: Cell<Token>,
}

impl<A> Default for Waiting<A> {
    fn default() -> Waiting<A> {
        Waiting { all: RefCell::default(), next: Cell::new(0) }
    }
}

impl<A> Waiting<A> {
    /// A request's token, and where its answer will come.
    pub(crate) fn begin(&self) -> (Token, oneshot::Receiver<A>) {
        let token = self.next.get();
        self.next.set(token + 1);
        let (answer, waits) = oneshot::channel();
        self.all.borrow_mut().insert(token, answer);
        (token, waits)
    }

    /// Nobody waits under this token any more.
    pub(crate) fn forget(&self, token: Token) {
        self.all.borrow_mut().remove(&token);
    }

    /// Answers; who hung up meanwhile is not there to be told.
    pub(crate) fn answer(&self, answers: Vec<(Token, A)>) {
        for (token, answer) in answers {
            let waits = self.all.borrow_mut().remove(&token);
            if let Some(waits) = waits {
                let _ = waits.send(answer);
            }
        }
    }
}
