//! The pizza shop, as its guests see it.

#[path = "../rig/mod.rs"]
mod rig;

mod basil;
mod decisions;
mod example;
mod mistakes;
mod new_stage;
mod order;
mod plug_ins;
mod shop;
mod standing;
mod top;
mod toppings;
mod trace;
