//! What a conversation starts from: a connection, and names that nobody else uses.

use crate::differences;
use crate::engine;
use crate::line::{Line, PATIENCE};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A conversation, as a test of that name. With versions, it is held once in each.
macro_rules! conversation {
    ($name:ident, $script:expr) => {
        conversation!($name, [0], |k, _| crate::talk::held(k, $script));
    };
    ($name:ident, $versions:expr, $script:expr) => {
        #[test]
        fn $name() {
            crate::talk::converse(
                concat!(module_path!(), "::", stringify!($name)),
                &$versions,
                $script,
            );
        }
    };
}

/// Tells this run's names from those of earlier runs.
static RUN: LazyLock<u64> = LazyLock::new(|| now() as u64);
static NAMES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Talk {
    address: String,
    line: Line,
}

impl Talk {
    /// With the broker that all share.
    pub(crate) fn new() -> Talk {
        Talk::at(engine::address())
    }

    pub(crate) fn at(address: &str) -> Talk {
        Talk { address: address.to_owned(), line: Line::open(address) }
    }

    /// Another connection.
    pub(crate) fn line(&self) -> Line {
        Line::open(&self.address)
    }

    /// A name that is used nowhere else.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{what}-{:x}-{}", *RUN, NAMES.fetch_add(1, Ordering::Relaxed))
    }
}

impl Deref for Talk {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

impl DerefMut for Talk {
    fn deref_mut(&mut self) -> &mut Line {
        &mut self.line
    }
}

/// Helps the compiler with the type of a script.
pub(crate) fn held(talk: &mut Talk, script: impl Fn(&mut Talk)) {
    script(talk);
}

/// Holds a conversation in each version. Where a difference is permitted, it has to differ.
pub(crate) fn converse(name: &str, versions: &[i16], script: impl Fn(&mut Talk, i16)) {
    let name = name.strip_prefix("conversations::").unwrap_or(name);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        for version in versions {
            let said = catch_unwind(AssertUnwindSafe(|| script(&mut Talk::new(), *version)));
            if let Err(why) = said {
                eprintln!("{name}: in version {version}");
                resume_unwind(why);
            }
        }
    }));
    match (differences::permitted(name), ended) {
        (None, Err(why)) => resume_unwind(why),
        (Some(_), Ok(())) => panic!("{name} agrees: take it out of the permitted differences"),
        (None, Ok(())) | (Some(_), Err(_)) => {}
    }
}

/// Looks until there is something, or for too long.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    looked(what, Duration::from_millis(10), PATIENCE, look)
}

/// The same for what a broker does when it finds the time.
pub(crate) fn until_late<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    looked(what, Duration::from_millis(500), 4 * PATIENCE, look)
}

fn looked<T>(
    what: &str,
    pause: Duration,
    patience: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in {patience:?}: {what}");
        sleep(pause);
    }
}

/// Milliseconds since 1970, as Kafka counts them.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as i64
}
