//! Each promise of the README, and an attack that would break it.

#[path = "../rig/mod.rs"]
mod rig;

mod acknowledgements;
mod attempts;
mod bad_records;
mod bounded;
mod clocks;
mod dead_letters;
mod dependency;
mod depth;
mod idle;
mod keys;
mod kills;
mod lane;
mod members;
mod memory;
mod operator;
mod outage;
mod outside;
mod refused;
mod replays;
mod stop;
mod twins;
