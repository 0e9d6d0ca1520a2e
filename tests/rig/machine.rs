//! Who has the machine. Most tests wait more than they work, so several run at once; one that measures time, or shares
//! something with others, has the machine for itself.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

thread_local! {
    /// Held until the test's thread ends.
    static PLACE: RefCell<Place> = const { RefCell::new(Place::None) };
}

enum Place {
    None,
    Shared { _with: RwLockReadGuard<'static, ()> },
    Alone { _of: RwLockWriteGuard<'static, ()> },
}

/// Waits for a test that measures to end, and lets none begin before this one has ended.
pub fn share() {
    PLACE.with_borrow_mut(|place| {
        if matches!(place, Place::None) {
            *place =
                Place::Shared { _with: MACHINE.read().unwrap_or_else(PoisonError::into_inner) };
        }
    });
}

/// Waits for all other tests to end, and lets none begin before this one has ended. Called first.
pub fn alone() {
    PLACE.with_borrow_mut(|place| {
        // Where all tests have one thread, this is the place of the one before.
        *place = Place::None;
        *place = Place::Alone { _of: MACHINE.write().unwrap_or_else(PoisonError::into_inner) };
    });
}
