//! The record: a pizza in JSON, about 130 bytes, under its order's id.

use crate::fill::Input;
use serde::{Deserialize, Serialize};

/// Orders the pizzas belong to, unless a measurement is about them: the number of different keys.
pub(crate) const ORDERS: u64 = 100;

/// What every contender puts on a pizza.
pub(crate) const TOPPING: &str = "alfredo";

#[derive(Serialize, Deserialize)]
pub(crate) struct Pizza {
    /// Tells it from every other.
    pub(crate) number: u64,
    pub(crate) order_id: String,
    pub(crate) sauce: String,
    pub(crate) cheese: String,
    pub(crate) meats: String,
    pub(crate) veggies: String,
    /// Makes it longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Pizza {
    /// The pizza of this number, without toppings.
    pub(crate) fn new(number: u64, Input { orders, more, .. }: Input) -> Pizza {
        let none = String::new;
        let note = (more > 0).then(|| "x".repeat(more));
        let order_id = order_id(number % orders).to_string();
        let (sauce, cheese, meats, veggies) = (none(), none(), none(), none());
        Pizza { number, order_id, sauce, cheese, meats, veggies, note }
    }

    pub(crate) fn key(&self) -> String {
        format!("\"{}\"", self.order_id)
    }

    /// Of the stations, how many have put their topping on it.
    pub(crate) fn toppings(&self) -> usize {
        let all = [&self.sauce, &self.cheese, &self.meats, &self.veggies];
        all.into_iter().filter(|topping| *topping == TOPPING).count()
    }
}

/// A station, by the field it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Station {
    Sauce,
    Cheese,
    Meats,
    Veggies,
}

impl Station {
    pub(crate) const ALL: [Station; 4] =
        [Station::Sauce, Station::Cheese, Station::Meats, Station::Veggies];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Station::Sauce => "sauce",
            Station::Cheese => "cheese",
            Station::Meats => "meats",
            Station::Veggies => "veggies",
        }
    }

    pub(crate) fn top(self, pizza: &mut Pizza) {
        let field = match self {
            Station::Sauce => &mut pizza.sauce,
            Station::Cheese => &mut pizza.cheese,
            Station::Meats => &mut pizza.meats,
            Station::Veggies => &mut pizza.veggies,
        };
        *field = TOPPING.into();
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
