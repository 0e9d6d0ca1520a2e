//! Why a record has no next one, classed by what happens then.

use std::fmt;
use std::time::Duration;

/// What happens to a record whose stage failed.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Failure, Kind, OrFail, Result};
///
/// fn check(word: Bytes<Vec<u8>>, cx: &Context) -> Result<()> {
///     match &word.0[..] {
///         b"nonsense" => Err(Failure::reject("no such pizza")),
///         b"end" => Err(Failure::new(Kind::Fatal, std::io::Error::other("the oven burns"))),
///         _ if cx.attempt() < 3 => Err(std::io::Error::other("cold"))?, // tried again
///         _ => Ok(()),
///     }
/// }
///
/// let mut test = Test::of(check);
/// test.given("a", "nonsense");
/// test.then_dead_letter("a", "rejected");
/// test.given("b", "margherita");
/// test.passes(std::time::Duration::from_secs(1));
/// test.then_nothing_more();
/// test.given("c", "end");
/// test.then_stopped();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It cannot be done now: it is tried again, with back-off, up to the attempt limit.
    Retry,
    /// What the stage depends on is away: it is tried again, uses up no attempt, and is never parked
    /// or dead-lettered for it. When half of the worker's attempts say so over half a second, all its
    /// records wait and one at a time is tried, at least every second, until one comes out otherwise.
    Unavailable,
    /// It can never be done: the record goes to the dead letters.
    Reject,
    /// The worker must stop; the record stays uncommitted.
    Fatal,
}

/// A [`Kind`] and the error behind it.
///
/// Any error becomes a [`Kind::Retry`] through `?`. It is deliberately no `std::error::Error`
/// itself: that is what makes the conversion from every error possible.
///
/// ```
/// use stage_sdk::{Failure, Kind};
///
/// let failure = Failure::reject("there is no such pizza");
/// assert_eq!((failure.kind, failure.text()), (Kind::Reject, "there is no such pizza".into()));
/// let failure = Failure::from(std::io::Error::other("the oven is cold"));
/// assert_eq!(failure.kind, Kind::Retry);
/// ```
#[derive(Debug)]
pub struct Failure {
    /// What happens next.
    pub kind: Kind,
    /// When to try again, where the stage knows better than the back-off.
    pub after: Option<Duration>,
    error: anyhow::Error,
}

/// What a stage returns: an output, or a [`Failure`].
///
/// ```
/// use stage_sdk::{Context, Failure, Json, Result};
///
/// fn price(Json(pizzas): Json<u64>, _: &Context) -> Result<Json<u64>> {
///     match pizzas {
///         0 => Err(Failure::reject("no pizzas")),
///         pizzas => Ok(Json(pizzas * 7)),
///     }
/// }
///
/// # let mut test = stage_sdk::testing::Test::of(price);
/// # test.given("k", "0");
/// # test.then_dead_letter("k", "rejected");
/// ```
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Failure {
        Failure { kind, after: None, error: error.into() }
    }

    /// The record can never be done, for this reason.
    pub fn reject(reason: impl fmt::Display) -> Failure {
        Failure::new(Kind::Reject, anyhow::anyhow!("{reason}"))
    }

    /// The record has no key and needs one. It is a reject, and told apart from bytes that do not
    /// decode: the producer forgot something, the format is right.
    pub fn no_key(reason: impl fmt::Display) -> Failure {
        Failure::new(Kind::Reject, NoKey(reason.to_string()))
    }

    /// The same of another record; of the error its text.
    pub(crate) fn same(&self) -> Failure {
        let Failure { kind, after, .. } = *self;
        Failure { kind, after, error: anyhow::Error::msg(self.text()) }
    }

    pub(crate) fn is_no_key(&self) -> bool {
        self.error.is::<NoKey>()
    }

    /// The error, its causes and, where the standard library takes one, its backtrace.
    pub(crate) fn stack(&self) -> String {
        format!("{:?}", self.error)
    }

    /// The error and its causes in one line.
    pub fn text(&self) -> String {
        format!("{:#}", self.error)
    }
}

#[derive(Debug)]
struct NoKey(String);

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoKey {}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::new(Kind::Retry, error)
    }
}

/// Says of an error what is to happen, where [`Kind::Retry`] is not it.
///
/// ```
/// use stage_sdk::testing::Test;
/// use stage_sdk::{Bytes, Context, Json, OrFail, Result};
///
/// fn count(Bytes(text): Bytes<Vec<u8>>, cx: &Context) -> Result<Json<u64>> {
///     let text = String::from_utf8(text).or_reject()?;       // it can never be done
///     if cx.attempt() == 1 {
///         Err(std::io::Error::other("the oven is cold"))?;   // it is tried again
///     }
///     Ok(Json(text.parse().or_reject()?))
/// }
///
/// let mut test = Test::of(count);
/// test.given("k", "3");
/// test.given("l", b"\xff");
/// test.then_dead_letter("l", "rejected");
/// test.passes(std::time::Duration::from_secs(1));
/// test.then_output("k", "3");
/// test.then_nothing_more();
/// ```
pub trait OrFail<T> {
    /// The record can never be done.
    ///
    /// # Errors
    /// The error, as [`Kind::Reject`].
    fn or_reject(self) -> Result<T>;

    /// What the stage depends on is away.
    ///
    /// # Errors
    /// The error, as [`Kind::Unavailable`].
    fn or_unavailable(self) -> Result<T>;

    /// The worker must stop.
    ///
    /// # Errors
    /// The error, as [`Kind::Fatal`].
    fn or_fatal(self) -> Result<T>;

    /// Try again after this time.
    ///
    /// # Errors
    /// The error, as [`Kind::Retry`].
    fn retry_after(self, after: Duration) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrFail<T> for std::result::Result<T, E> {
    fn or_reject(self) -> Result<T> {
        self.map_err(|error| Failure::new(Kind::Reject, error))
    }

    fn or_unavailable(self) -> Result<T> {
        self.map_err(|error| Failure::new(Kind::Unavailable, error))
    }

    fn or_fatal(self) -> Result<T> {
        self.map_err(|error| Failure::new(Kind::Fatal, error))
    }

    fn retry_after(self, after: Duration) -> Result<T> {
        self.map_err(|error| Failure { after: Some(after), ..Failure::new(Kind::Retry, error) })
    }
}
