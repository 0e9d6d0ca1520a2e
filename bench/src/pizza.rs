//! The record: a pizza in JSON, about 110 bytes, under its order's id.

use serde::{Deserialize, Serialize};

/// Orders the pizzas belong to: the number of different keys.
pub(crate) const ORDERS: u64 = 100;

/// The record time of the first pizza. Each later one is a millisecond later, so that the time,
/// which stages pass on, tells every pizza from every other without a byte in the record itself.
const FIRST: i64 = 1_700_000_000_000;

/// The sauce that both contenders choose.
pub(crate) const SAUCE: &str = "alfredo";

#[derive(Serialize, Deserialize)]
pub(crate) struct Pizza {
    pub(crate) order_id: String,
    pub(crate) sauce: String,
    pub(crate) cheese: String,
    pub(crate) meats: String,
    pub(crate) veggies: String,
}

impl Pizza {
    /// The pizza of this number, without toppings.
    pub(crate) fn new(number: u64) -> Pizza {
        let none = String::new;
        let order_id = order_id(number % ORDERS).to_string();
        Pizza { order_id, sauce: none(), cheese: none(), meats: none(), veggies: none() }
    }

    pub(crate) fn key(&self) -> String {
        format!("\"{}\"", self.order_id)
    }
}

/// A number of 39 digits, the same in every run.
fn order_id(order: u64) -> u128 {
    let hash = order.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    100_000_000_000_000_000_000_000_000_000_000_000_000 + u128::from(hash) * 1_000_003
}

/// The id of one order of them all, always the same.
pub(crate) fn one_order() -> String {
    order_id(7).to_string()
}

pub(crate) fn time_of(number: u64) -> i64 {
    FIRST + number as i64
}

pub(crate) fn number_at(time: i64) -> Option<u64> {
    u64::try_from(time - FIRST).ok()
}
