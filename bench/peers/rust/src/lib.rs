//! What the peers share: the job they are given and the record they handle.

pub mod job;
pub mod pizza;
