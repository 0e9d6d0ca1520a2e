//! The pizza shop, as its guests see it.

#[path = "../rig/mod.rs"]
mod rig;

mod example;
mod mistakes;
mod order;
mod plug_ins;
mod shop;
mod toppings;
