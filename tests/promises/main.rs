//! Each promise of the README, and an attack that would break it.

#[path = "../rig/mod.rs"]
mod rig;

mod bad_records;
mod keys;
mod kills;
