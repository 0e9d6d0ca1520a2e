//! Each promise of the README, and an attack that would break it.

#[path = "../rig/mod.rs"]
mod rig;

mod attempts;
mod bad_records;
mod dead_letters;
mod depth;
mod bounded;
mod idle;
mod keys;
mod kills;
mod lane;
mod members;
mod outage;
mod refused;
mod stop;
