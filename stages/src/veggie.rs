//! Up to four vegetables.

use crate::pizza::{Pizza, rng, several};
use stage_sdk::{Context, Result};

/// What there is; each is as likely as the others.
const VEGGIES: [&str; 6] = ["tomato", "olives", "onions", "peppers", "pineapple", "mushrooms"];

/// Up to four vegetables.
///
/// # Errors
/// None of its own.
pub fn veggie(mut pizza: Pizza, cx: &Context) -> Result<Pizza> {
    pizza.top("veggies", &several(&mut rng(cx), &VEGGIES))?;
    Ok(pizza)
}
