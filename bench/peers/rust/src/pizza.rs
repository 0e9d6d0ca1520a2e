//! The record: a pizza in JSON, and the one topping a stage puts on it.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// A pizza on its way.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pizza {
    pub number: u64,
    pub order_id: String,
    pub sauce: String,
    pub cheese: String,
    pub meats: String,
    pub veggies: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a stage decides about.
#[derive(Clone, Copy, ValueEnum)]
pub enum Field {
    Sauce,
    Cheese,
    Meats,
    Veggies,
}

/// What a stage puts on every pizza.
#[derive(Clone, Args)]
pub struct Topping {
    /// The field to set.
    #[arg(long)]
    field: Field,
    /// What to set it to.
    #[arg(long, default_value = "alfredo")]
    value: String,
}

impl Topping {
    /// Puts it on a pizza.
    pub fn put_on(&self, pizza: &mut Pizza) {
        let field = match self.field {
            Field::Sauce => &mut pizza.sauce,
            Field::Cheese => &mut pizza.cheese,
            Field::Meats => &mut pizza.meats,
            Field::Veggies => &mut pizza.veggies,
        };
        field.clone_from(&self.value);
    }

    /// From a record's value to the value of what it becomes.
    pub fn put_on_json(&self, value: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut pizza = serde_json::from_slice(value)?;
        self.put_on(&mut pizza);
        serde_json::to_vec(&pizza)
    }
}
