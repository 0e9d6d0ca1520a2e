//! The documentation's own commands, run as they stand there: what it says they print they print.

#[path = "../rig/mod.rs"]
mod rig;

mod dead_letters;
mod document;
mod on_a_broker;
mod operations;
mod orders;
mod own_topics;
mod policies;
mod readme;
mod reference;
mod retry;
mod running;
mod shape;
mod shell;
mod testing;
mod tour;
