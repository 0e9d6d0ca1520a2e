//! Up to four meats.

use crate::pizza::{Pizza, rng, several};
use stage_sdk::{Context, Result};

/// What there is; each is as likely as the others.
const MEATS: [&str; 6] = ["pepperoni", "sausage", "ham", "anchovies", "salami", "bacon"];

/// Up to four meats.
///
/// # Errors
/// None of its own.
pub fn meat(mut pizza: Pizza, cx: &Context) -> Result<Pizza> {
    pizza.top("meats", &several(&mut rng(cx), &MEATS))?;
    Ok(pizza)
}
