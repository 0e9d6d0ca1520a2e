//! What waits in the retry lanes, and what is decided of it: for programs, and as `keys` on a command line, in
//! `pizza` for all stages and in every stage program for its own.

mod blocked;
mod decide;
mod tool;
mod waiting;

pub use blocked::{Blocked, Parked, blocked};
pub use decide::{Decided, Decision, decide};
pub use tool::Args;
