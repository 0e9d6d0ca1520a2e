//! An order as it goes to Kafka.

use uuid::Uuid;

/// The header that tells an order's pizzas apart: decimal, from 0.
pub const SEQ: &str = "pizza-seq";

/// A new order's id: the decimal text of a random UUID, always handled as text.
pub fn new_id() -> String {
    Uuid::new_v4().as_u128().to_string()
}

/// The key of all pizzas of an order: its id as JSON, quotes included.
pub fn key(id: &str) -> String {
    format!("\"{id}\"")
}

/// A pizza with nothing on it yet.
pub fn pizza(id: &str) -> String {
    format!(r#"{{"order_id":"{id}","sauce":"","cheese":"","meats":"","veggies":""}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_decimal_text_without_a_leading_zero() {
        for _ in 0..100 {
            let id = new_id();
            assert!(
                id.len() <= 39 && !id.starts_with('0') && id.bytes().all(|b| b.is_ascii_digit())
            );
        }
    }
}
