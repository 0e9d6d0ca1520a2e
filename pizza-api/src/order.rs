//! An order as it goes to Kafka.

use uuid::Uuid;

/// The header that tells an order's pizzas apart: decimal, from 0.
pub const SEQ: &str = "pizza-seq";

/// The longest id.
pub const LONGEST: usize = 64;

/// A new order's id: the decimal text of a random UUID, always handled as text.
pub fn new_id() -> String {
    Uuid::new_v4().as_u128().to_string()
}

/// Whether this may be an order's id; other producers may have ids that are no numbers. Every
/// database can keep one, and tell any two apart.
pub fn is_id(text: &str) -> bool {
    let edge = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    (1..=LONGEST).contains(&text.len()) && !edge && !text.contains(char::is_control)
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
            assert!(is_id(&id));
        }
    }

    #[test]
    fn what_no_database_keeps_is_no_id() {
        for bad in ["", " 7", "7 ", "a\0b", "a\nb", &"9".repeat(65)] {
            assert!(!is_id(bad), "{bad:?}");
        }
        for good in ["7", "Bestellung Ä 7", &"9".repeat(64)] {
            assert!(is_id(good), "{good:?}");
        }
    }
}
