//! A pizza on its way: JSON with an order id and four toppings.

use rand::RngExt;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use stage_sdk::codec::Json;
use stage_sdk::context::{Emit, Rng};
use stage_sdk::{Context, Decode, Failure, Output, Record, Result};
use std::fmt;

/// The header that tells the pizzas of one order apart: decimal, from 0.
pub const SEQ: &str = "pizza-seq";

/// What every pizza has, all of it text.
const FIELDS: [&str; 5] = ["order_id", "sauce", "cheese", "meats", "veggies"];

/// A pizza. A stage sets its own field; all others, also ones nobody here knows, go through byte
/// for byte and in their order.
#[derive(Debug)]
pub struct Pizza(Vec<(String, Box<RawValue>)>);

impl Pizza {
    /// Puts a topping on, in place of what was in that field.
    ///
    /// # Errors
    /// None for text; the signature is that of the encoder.
    pub fn top(&mut self, field: &str, topping: &str) -> Result<()> {
        let topping = to_raw_value(topping)?;
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, value)) => *value = topping,
            None => self.0.push((field.to_owned(), topping)),
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        for field in FIELDS {
            let mut values = self.0.iter().filter(|(name, _)| name == field);
            let value = values.next().map(|(_, value)| value.get());
            if values.next().is_some() {
                return Err(Failure::reject(format!("field {field} stands there twice")));
            }
            match value {
                Some(text) if text.starts_with('"') => {}
                Some(other) => {
                    let other: String = other.chars().take(40).collect();
                    return Err(Failure::reject(format!("field {field} is {other}, not text")));
                }
                None => return Err(Failure::reject(format!("field {field} is missing"))),
            }
        }
        Ok(())
    }
}

/// A record without a key is rejected: the key is the order, and an order's pizzas stay in line.
impl<'r> Decode<'r> for Pizza {
    fn decode(record: Record<'r>) -> Result<Self> {
        if record.key.is_none() {
            return Err(Failure::no_key("a pizza without a key belongs to no order"));
        }
        let Json(pizza) = Json::<Pizza>::decode(record)?;
        pizza.check()?;
        Ok(pizza)
    }
}

impl Output for Pizza {
    fn write(self, emit: &mut Emit<'_>) -> Result<()> {
        Json(self).write(emit)
    }
}

/// The random numbers of one pizza: a function of the seed, the stage, the order and the pizza's
/// number in it; so it does not matter when, where and how often the stage runs.
pub fn rng(cx: &Context) -> Rng {
    match cx.header(SEQ) {
        Some(seq) => cx.rng_for(&seq),
        None => cx.rng(),
    }
}

/// None to four draws from the list; what is drawn twice counts once.
pub fn several(rng: &mut Rng, list: &[&'static str]) -> String {
    let mut drawn: Vec<&str> = Vec::new();
    for _ in 0..rng.random_range(0..=4) {
        let one = list[rng.random_range(0..list.len())];
        if !drawn.contains(&one) {
            drawn.push(one);
        }
    }
    if drawn.is_empty() { "none".to_owned() } else { drawn.join(" & ") }
}

impl<'de> Deserialize<'de> for Pizza {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Pizza;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pizza")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Pizza, A::Error> {
        let mut fields = Vec::with_capacity(FIELDS.len());
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Pizza(fields))
    }
}

impl Serialize for Pizza {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: &[u8] =
        br#"{"order_id":"7","x":[1, 2.50],"sauce":"","cheese":"","meats":"","veggies":""}"#;

    fn decode(value: &[u8]) -> Result<Pizza> {
        Pizza::decode(Record { key: Some(b"\"7\""), value: Some(value), ..Record::default() })
    }

    #[test]
    fn a_stage_changes_its_own_field_only() {
        let mut pizza = decode(ORDERED).unwrap();
        pizza.top("cheese", "goat \"cheese\"").unwrap();
        let text = serde_json::to_string(&pizza).unwrap();
        let want = r#"{"order_id":"7","x":[1, 2.50],"sauce":"","cheese":"goat \"cheese\"","meats":"","veggies":""}"#;
        assert_eq!(text, want);
    }

    #[test]
    fn what_is_no_pizza_is_rejected_with_a_reason() {
        let number = br#"{"order_id":7,"sauce":"","cheese":"","meats":"","veggies":""}"#;
        assert!(decode(number).unwrap_err().text().contains("order_id is 7"));
        assert!(decode(br#"{"order_id":"7"}"#).unwrap_err().text().contains("sauce is missing"));
        for bad in [&b"[]"[..], b"{", b"\xff", b"null", b"\"\""] {
            assert_eq!(decode(bad).unwrap_err().kind, stage_sdk::Kind::Reject);
        }
        let keyless = Record { value: Some(ORDERED), ..Record::default() };
        assert!(Pizza::decode(keyless).unwrap_err().text().contains("key"));
    }

    #[test]
    fn several_draws_none_to_four_without_repeats() {
        use rand::SeedableRng;
        let mut rng = Rng::seed_from_u64(1);
        for _ in 0..1000 {
            let text = several(&mut rng, &["a", "b"]);
            assert!(["none", "a", "b", "a & b", "b & a"].contains(&&*text), "{text}");
        }
    }
}
