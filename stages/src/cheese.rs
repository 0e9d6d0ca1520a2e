//! One cheese, or none.

use crate::pizza::{Pizza, rng};
use rand::RngExt;
use stage_sdk::{Context, Result};

/// What there is; a cheese that stands twice is drawn twice as often.
const CHEESES: [&str; 7] =
    ["extra", "none", "three cheese", "goat cheese", "extra", "three cheese", "goat cheese"];

/// One cheese, or none.
///
/// # Errors
/// None of its own.
pub fn cheese(mut pizza: Pizza, cx: &Context) -> Result<Pizza> {
    pizza.top("cheese", CHEESES[rng(cx).random_range(0..CHEESES.len())])?;
    Ok(pizza)
}
