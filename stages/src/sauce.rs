//! One sauce, or none.

use crate::pizza::{Pizza, rng};
use rand::RngExt;
use stage_sdk::{Context, Result};

/// What there is; a sauce that stands twice is drawn twice as often.
const SAUCES: [&str; 9] =
    ["regular", "light", "extra", "none", "alfredo", "regular", "light", "extra", "alfredo"];

/// One sauce, or none.
///
/// # Errors
/// None of its own.
pub fn sauce(mut pizza: Pizza, cx: &Context) -> Result<Pizza> {
    pizza.top("sauce", SAUCES[rng(cx).random_range(0..SAUCES.len())])?;
    Ok(pizza)
}
