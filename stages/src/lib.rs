//! The topping stages: each a function from a pizza to the same pizza with one thing more.

pub mod pizza;

pub mod sauce;

pub mod cheese;

pub mod meat;

pub mod veggie;

pub use cheese::cheese;
pub use meat::meat;
pub use pizza::Pizza;
pub use sauce::sauce;
pub use veggie::veggie;
